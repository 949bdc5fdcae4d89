"""The cohort as a table: layers, the images of a folder, or the rows of a cohort file."""
