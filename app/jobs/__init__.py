"""The engine: a job is claimed, takes one step, and is let go; the notifier only makes it start at once."""
