"""How much one caller may ask of a process, so that nobody else waits for it. In memory: each process has its own."""
