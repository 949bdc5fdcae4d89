"""Pixel sizes from TIFF resolution tags, with and without ImageJ's word for the unit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from napari_metaseg.acquisition.record import Conflict, Field
from napari_metaseg.images.units import um_per_unit

_UM_PER_RESOLUTION_UNIT = {2: 25_400.0, 3: 10_000.0}
"""TIFF 6.0, ResolutionUnit: 2 is inch, 3 is centimetre; 1 means that the numbers have no unit."""

_COARSEST_PIXEL_UM = 20.0
"""A tag's larger pixel is a print resolution (72 to 1200 dpi), not a specimen's."""

_COARSEST_LIKELY_UM = 3.0
"""Camera pixels are 3 to 20 µm: a tag in this range states the camera's, as Harmony files do."""


def pixel_fields(tags: Mapping[int, Any]) -> tuple[dict[str, Field], tuple[Conflict, ...]]:
    """`pixel_size_{x,y}_um` from plain resolution tags, where they can be a specimen's.

    `tags` maps tag numbers to values: 282 XResolution, 283 YResolution (fractions, pixels per
    unit), 296 ResolutionUnit. No unit, or a resolution usual in printing or for a camera's chip,
    is no calibration.
    """
    unit = int(tags.get(296, 2))
    if unit not in _UM_PER_RESOLUTION_UNIT:
        return {}, ()
    fields = {}
    for axis, code, name in (("x", 282, "XResolution"), ("y", 283, "YResolution")):
        density = _fraction(tags.get(code))
        size = _UM_PER_RESOLUTION_UNIT[unit] / density if density else None
        if size is None or size > _COARSEST_PIXEL_UM:
            return {}, ()
        text = f"{density:g} px/{'inch' if unit == 2 else 'cm'}"
        fields[f"pixel_size_{axis}_um"] = Field(size, "file", f"TIFF tag {name}", original=text)
    largest = max(float(f.value) for f in fields.values() if f.value is not None)
    if largest < _COARSEST_LIKELY_UM:
        return fields, ()
    message = (
        f"the TIFF resolution tags give {largest:.4g} µm, which looks like the camera's own pixel; "
        "not taken for the specimen's"
    )
    return {}, (Conflict(("pixel_size_um",), message),)


def imagej_fields(
    tags: Mapping[int, Any], metadata: Mapping[str, Any]
) -> tuple[dict[str, Field], tuple[Conflict, ...]]:
    """Pixel sizes of an ImageJ TIFF: resolution tags in pixels per `unit`, z from `spacing`.

    Without a `unit` that is a length, the plain tags are tried.
    """
    names = {axis: str(metadata.get(f"{axis}unit") or metadata.get("unit") or "") for axis in "xyz"}
    factors = {axis: um_per_unit(name) for axis, name in names.items()}
    if factors["x"] is None:
        return ({}, ()) if names["x"] else pixel_fields(tags)
    fields = {}
    for axis, code, tag in (("x", 282, "XResolution"), ("y", 283, "YResolution")):
        density, factor = _fraction(tags.get(code)), factors[axis] or factors["x"]
        if density:
            original = f"{density:g} px/{names[axis]}"
            path = f"TIFF tag {tag}, ImageJ unit"
            fields[f"pixel_size_{axis}_um"] = Field(factor / density, "file", path, original)
    spacing = _positive(metadata.get("spacing"))
    if spacing is not None:
        size = spacing * (factors["z"] or factors["x"])
        original = f"{spacing:g} {names['z']}"
        fields["pixel_size_z_um"] = Field(size, "file", "ImageJ spacing", original)
    return fields, ()


def _fraction(value: Any) -> float | None:
    """A TIFF fraction (two integers) as a number above 0, or None."""
    if isinstance(value, tuple) and len(value) == 2 and value[1]:
        return _positive(value[0] / value[1])
    return None


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None
