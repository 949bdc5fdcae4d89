"""Microscope vendors' own formats: pixels lazily, records from the raw metadata of each file."""
