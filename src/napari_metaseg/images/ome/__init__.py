"""OME-XML: read leniently, written validly, with what OME has no term for in annotations."""
