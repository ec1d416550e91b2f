"""Provkedja: carries the roster of a digital national exam to Skolverket in four ordered stages."""
