"""The machine-readable description of the interface, `/openapi.json`: what is said of all of it, examples, links."""
