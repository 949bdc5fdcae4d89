"""One widget a file; what they share stands in `frame`, `fields` and `style`."""
