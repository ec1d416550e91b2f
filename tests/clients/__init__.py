"""The interface as strangers meet it: linted, made into clients, which drive a run, and fuzzed. `make contract`."""
