"""The virtual microscope: specimens in µm, known optics, image files with their ground truth.

`specimen` grows nuclei in µm, `raster` samples them, `optics` and `contrast` image them, `camera`
adds noise, `render` puts these together, `files` writes; `tasks` and `samples` use it all.
"""
