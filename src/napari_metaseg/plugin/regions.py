"""Parts of a plane: what the window shows of an image, and where a layer of that part lies."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image
from napari.utils.transforms import Affine

from napari_metaseg.plugin import layers
from napari_metaseg.plugin.layers import PlaneIndex

MOST_PX = 1024
"""The longest side that is predicted at once: a second or two without a GPU."""
Region = tuple[slice, slice]
"""Rows and columns at full resolution."""


def visible_region(image: Image, most_px: int = MOST_PX) -> Region:
    """What to predict of an image: all of it, or of a large one what the window shows.

    At most `most_px` rows and columns, around the middle of what is seen.
    """
    height, width = layers.plane_shape(image)
    first, last = np.asarray(image.corner_pixels, float)[:, -2:]
    if image.multiscale:
        factor = np.asarray(image.downsample_factors[image.data_level])[-2:]
        first, last = first * factor, last * factor
    seen = ((first[0], last[0], height), (first[1], last[1], width))
    rows, columns = (_within(*along, most_px) for along in seen)
    return rows, columns


def _within(first: float, last: float, size: int, most: int) -> slice:
    """At most `most` of `size` pixels around the middle of what is seen, or of everything."""
    if size <= most:
        return slice(0, size)
    # A layer that was not drawn yet has no corners.
    middle = (first + last) / 2 if last > first else size / 2
    side = most if last <= first else int(min(max(last - first + 1, most / 4), most))
    start = int(np.clip(round(middle - side / 2), 0, size - side))
    return slice(start, start + side)


def sides(region: Region) -> tuple[int, int]:
    """How many rows and columns a region has."""
    rows, columns = region
    return rows.stop - rows.start, columns.stop - columns.start


def size_words(region: Region) -> str:
    """A region's size as people write it: width first."""
    height, width = sides(region)
    return f"{width} × {height} px"


def is_whole(image: Image, region: Region) -> bool:
    """Whether a region is the whole plane."""
    return sides(region) == layers.plane_shape(image)


def layer_shape(image: Image, region: Region) -> tuple[int, ...]:
    """The shape of a layer of a region of one plane: 1 along every other axis."""
    return (*(1 for _ in range(image.ndim - 2)), *sides(region))


def geometry(image: Image, plane: PlaneIndex, region: Region) -> dict[str, Any]:
    """The image's geometry, moved to the first pixel of a region of a plane."""
    first = [
        at if isinstance(at, int) else along.start
        for at, along in zip(
            layers.plane_slices(image, plane),
            (*(slice(0) for _ in range(image.ndim - 2)), *region),
            strict=True,
        )
    ]
    own = Affine(image.scale, image.translate, rotate=image.rotate, shear=image.shear)
    return layers.geometry(image) | {"translate": own(np.array(first, float))}
