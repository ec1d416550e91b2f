"""The HTTP process: puts the interface and the pages together, and serves them."""
