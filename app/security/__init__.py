"""Keys, and what a reader without the right to personal data gets to see."""
