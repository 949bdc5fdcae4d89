"""Plates as high-content microscopes store them: an index file beside one TIFF per plane."""
