"""TIFF of every kind: pages, their layout, and what the program that wrote them says."""
