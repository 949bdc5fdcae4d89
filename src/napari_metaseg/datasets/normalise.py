"""Bring intensities of any camera to one range before a network sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.datasets.order_statistics import NotFinite, Ranked, ranked
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
    if like is not None:
        check_finite(image)
    return stretch(image, measure_levels(image if like is None else like))


def measure_levels(plane: NDArray[np.generic]) -> Levels:
    """What normalises a whole (C, Y, X) plane: measured once, then true of every part of it.

    Raises `InputError` where a value is not finite.
    """
    return measure_levels_in_blocks(lambda: (plane,))


def measure_levels_in_blocks(
    blocks: Callable[[], Iterable[NDArray[np.generic]]], name: str = "the image"
) -> Levels:
    """The levels of a plane from blocks (C, y, x) that together cover it once.

    All blocks have one type. They are asked for once, or twice where they are no integers of up to
    16 bits, and none is kept. Raises `InputError` where a value is not finite.
    """
    try:
        return tuple(_to_level(channel) for channel in ranked(blocks, _ranks))
    except NotFinite as found:
        raise _not_finite(found.bad, found.size, name) from None


def stretch(part: NDArray[np.generic], levels: Levels) -> NDArray[np.float32]:
    """A part (C, Y, X) of a raw plane, normalised by the levels of the whole; a new array."""
    pixels = part.astype(np.float32)
    for channel, (low, span) in zip(pixels, levels, strict=True):
        channel -= np.float32(low)
        channel /= np.float32(span)
    return pixels


def _to_level(channel: Ranked) -> tuple[float, float]:
    lowest, *around, highest = channel.values
    low = _between(around[0], around[1], _place(channel.total, LOW_PERCENT) % 1)
    high = _between(around[2], around[3], _place(channel.total, HIGH_PERCENT) % 1)
    if high > low:
        return low, high - low
    # A nearly empty field has equal percentiles and yet, perhaps, a few bright pixels.
    return low, float(max(low - lowest, highest - low)) or 1.0


def _between(value: float, following: float, share: float) -> float:
    return float(np.float32(value + (following - value) * share))


def _ranks(count: int) -> tuple[int, ...]:
    """The lowest of so many values, the two around each percentile, and the highest."""
    around = [int(_place(count, percent)) for percent in (LOW_PERCENT, HIGH_PERCENT)]
    pairs = [(rank, min(rank + 1, count - 1)) for rank in around]
    return 0, *pairs[0], *pairs[1], count - 1


def _place(count: int, percent: float) -> float:
    """Where a percentile lies among ranks; between two of them the values are interpolated."""
    return (count - 1) * (percent / 100)


def check_finite(pixels: NDArray[np.generic], name: str = "the image") -> None:
    """Raise `InputError` where a value is NaN or infinite; `name` is what the image is called."""
    if pixels.dtype.kind not in "uib":
        finite = np.isfinite(pixels.astype(np.float32, copy=False))
        check_count_finite(pixels.size - int(finite.sum()), pixels.size, name)


def check_count_finite(bad: int, size: int, name: str) -> None:
    """Raise the error of `check_finite` where any of `size` values is bad."""
    if bad:
        raise _not_finite(bad, size, name)


def _not_finite(bad: int, size: int, name: str) -> InputError:
    return InputError(
        f"{name} has pixels that are not numbers",
        got=f"{bad} NaN or infinite of {size}",
        way_out="Replace them (for instance by the local mean) and save the image again",
    )
