"""What makes polls cheap: runs and callers in memory, and who waits for a change."""
