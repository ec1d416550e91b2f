"""The engine: a job is claimed, takes one step, and is let go; the doorbell only makes it start at once."""
