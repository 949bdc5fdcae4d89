"""The virtual microscope: specimens in µm, known optics, image files with their ground truth."""
