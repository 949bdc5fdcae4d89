"""OME-Zarr: images, plates and labels, with the acquisition record that NGFF has no terms for."""
