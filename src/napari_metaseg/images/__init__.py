"""Images on disk: pixels read lazily, plane by plane, with the acquisition record of each image."""
