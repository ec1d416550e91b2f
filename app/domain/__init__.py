"""The domain in pure Python: the roster and its rules, the stages, the life of runs, jobs and records.

Nothing in here reads, writes or waits, and nothing in here imports the rest of the service.
"""
