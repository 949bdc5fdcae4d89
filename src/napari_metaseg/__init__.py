"""Segment microscopy images with U-Nets that know how each image was acquired."""

__version__ = "0.1.0"
