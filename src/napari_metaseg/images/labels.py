"""Label images: one plane of whole numbers, 0 for background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_image
from napari_metaseg.images.png import PngImage
from napari_metaseg.images.protocol import ImageSource

_WAY_OUT = "Save labels as one channel of whole numbers, 0 for background"


def read_labels(
    path: Path, *, c: int = 0, z: int = 0, t: int = 0, scene: str = ""
) -> NDArray[np.int32]:
    """One plane of labels, (Y, X); of an indexed PNG, its palette numbers.

    Raises `InputError` for a file that cannot be opened, colour images, numbers that are not
    whole, negative or beyond 2³¹ - 1.
    """
    return labels_of(open_image(path, scene), c=c, z=z, t=t)


def labels_of(image: ImageSource, *, c: int = 0, z: int = 0, t: int = 0) -> NDArray[np.int32]:
    """One plane of labels of an opened image; see `read_labels`."""
    path = image.path
    if isinstance(image, PngImage) and image.indexed:
        return image.indices().astype(np.int32)
    if "S" in image.axes:
        raise InputError(
            f"{path} cannot be labels", got="a colour image (red, green, blue)", way_out=_WAY_OUT
        )
    return _to_whole(image.plane(c, z, t), path)


def _to_whole(pixels: NDArray[Any], path: Path) -> NDArray[np.int32]:
    if not pixels.size:
        return pixels.astype(np.int32)
    low, high = pixels.min(), pixels.max()
    if not (low >= 0 and high <= np.iinfo(np.int32).max):
        got = f"values from {low} to {high}"
        raise InputError(f"{path} cannot be labels", got=got, way_out=_WAY_OUT)
    labels = pixels.astype(np.int32)
    if pixels.dtype.kind == "f" and not np.array_equal(labels, pixels):
        got = f"fractions such as {pixels[labels != pixels][0]:g}"
        raise InputError(f"{path} cannot be labels", got=got, way_out=_WAY_OUT)
    return labels
