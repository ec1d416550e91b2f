"""Provkedja: carries the roster of a digital national exam to Skolverket in four ordered stages."""

# Here, and read from here by pyproject.toml: an image has this folder, and no package that says its version.
__version__ = "0.1.0"
