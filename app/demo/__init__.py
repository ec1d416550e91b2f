"""The demo: invented rosters, and what the terminal shows of a run. It stands beside the service."""
