"""Bring intensities of any camera to one range before a network sees them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.errors import InputError

LOW_PERCENT, HIGH_PERCENT = 1.0, 99.8


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
    for channel, measured in zip(pixels, pixels if like is None else like, strict=True):
        low, high = np.percentile(measured, (LOW_PERCENT, HIGH_PERCENT))
        channel -= low
        if high > low:
            channel /= high - low
        else:
            _stretch_constant(channel)
    return pixels


def check_finite(pixels: NDArray[np.floating], name: str = "the image") -> None:
    """Raise `InputError` where a value is NaN or infinite; `name` is what the image is called."""
    bad = pixels.size - int(np.isfinite(pixels).sum())
    if bad:
        raise InputError(
            f"{name} has pixels that are not numbers",
            got=f"{bad} NaN or infinite of {pixels.size}",
            way_out="Replace them (for instance by the local mean) and save the image again",
        )


def _stretch_constant(channel: NDArray[np.float32]) -> None:
    # A nearly empty field has equal percentiles and yet, perhaps, a few bright pixels.
    peak = float(np.abs(channel).max())
    if peak > 0:
        channel /= peak
