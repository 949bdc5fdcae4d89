"""Bring intensities of any camera to one range before a network sees them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.errors import InputError

LOW_PERCENT, HIGH_PERCENT = 1.0, 99.8


Levels = tuple[tuple[float, float], ...]
"""For each channel what is subtracted, and by what the rest is divided."""


def normalise(
    image: NDArray[np.generic], like: NDArray[np.generic] | None = None
) -> NDArray[np.float32]:
    """Each channel of a (C, Y, X) plane with its 1st and 99.8th percentile stretched to 0 and 1.

    The percentiles are those of `like`, the same plane on another grid, where that is given.

    Done on the whole plane, so that a tile or a patch sees the same values as the plane it is from.
    A pure gain or offset of the camera cancels here; what stays of the exposure is its noise. A
    constant channel becomes 0. Raises `InputError` where a value is not finite.

    Source: percentile normalisation as in Weigert et al., Nature Methods 15, 2018 (CSBDeep).
    """
    if image.ndim != 3:
        raise InputError("an image plane must have the axes (C, Y, X)", got=f"shape {image.shape}")
    pixels = image.astype(np.float32)
    check_finite(pixels)
    return stretch(pixels, measure_levels(pixels if like is None else like))


def measure_levels(plane: NDArray[np.generic]) -> Levels:
    """What normalises a whole (C, Y, X) plane: measured once, then true of every part of it."""
    return tuple(_level(channel) for channel in plane.astype(np.float32, copy=False))


def stretch(part: NDArray[np.generic], levels: Levels) -> NDArray[np.float32]:
    """A part (C, Y, X) of a raw plane, normalised by the levels of the whole; a new array."""
    pixels = part.astype(np.float32)
    for channel, (low, span) in zip(pixels, levels, strict=True):
        channel -= np.float32(low)
        channel /= np.float32(span)
    return pixels


def _level(channel: NDArray[np.float32]) -> tuple[float, float]:
    low, high = (float(level) for level in np.percentile(channel, (LOW_PERCENT, HIGH_PERCENT)))
    if high > low:
        return low, high - low
    # A nearly empty field has equal percentiles and yet, perhaps, a few bright pixels.
    return low, float(np.abs(channel - np.float32(low)).max()) or 1.0


def check_finite(pixels: NDArray[np.floating], name: str = "the image") -> None:
    """Raise `InputError` where a value is NaN or infinite; `name` is what the image is called."""
    check_count_finite(pixels.size - int(np.isfinite(pixels).sum()), pixels.size, name)


def check_count_finite(bad: int, size: int, name: str) -> None:
    """Raise the error of `check_finite` where any of `size` values is bad."""
    if bad:
        raise InputError(
            f"{name} has pixels that are not numbers",
            got=f"{bad} NaN or infinite of {size}",
            way_out="Replace them (for instance by the local mean) and save the image again",
        )
