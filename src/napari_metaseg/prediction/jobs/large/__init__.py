"""Prediction of images that are larger than memory: tile by tile into a working folder."""
