"""The napari plugin: reader, sample data, commands and widgets. The only room that knows Qt."""
