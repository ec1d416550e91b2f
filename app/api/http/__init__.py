"""The HTTP that all routes share: bodies, queries, lists, problems, answers."""
