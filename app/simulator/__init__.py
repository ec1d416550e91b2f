"""A look-alike of Skolverket's services in a process of its own, driven by the data that it is sent.

It keeps its own reading of Skolverket's documents and imports nothing from the rest of the application: a shared
misreading would pass on both sides. What it holds lives in memory and ends with the process.
"""
