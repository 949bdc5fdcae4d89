"""Part a mask where its objects touch: the work on one array, be it a plane or a window of one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

REACH_PX = 16
"""So far beyond an object pixels can have a say in how it is parted: smoothing, and what it needs
of the distances around."""
LEAST_VALLEY = 0.1
_LEAST_NECK_DEPTH_PX = 0.75
_NECK_DEPTH_SHARE = 0.1
_MOST_DILATIONS = 32
_FEW = 1 / 50
EIGHT = np.ones((3, 3), bool)
"""Pixels that touch at a corner count as neighbours; pieces of a mask are joined by sides alone."""


class Relief(NamedTuple):
    """The heights (Y, X) in whose peaks objects begin, and those that are flooded from there."""

    peaks: NDArray[np.float32]
    flooded: NDArray[np.float32]


class Parted(NamedTuple):
    """Objects (Y, X) from 1, each with the flat index of the first pixel that it grew from.

    The last `bare` of them are pieces without a peak, whole.
    """

    objects: NDArray[np.int32]
    first: NDArray[np.int64]
    bare: int


def relief(mask: NDArray[np.bool_], depth: NDArray[np.floating] | None) -> Relief:
    """The smoothed distance to the background or, where a network tells it, the `depth`."""
    if depth is None:
        height = _smooth(_distance(mask))
        return Relief(height * mask, height)
    deep = np.asarray(depth * mask, np.float32)
    # Smooth, so that between two peaks that say nothing of the way, the middle parts them.
    return Relief(deep, _smooth(deep))


def neck_depth(radii: NDArray[np.floating]) -> float:
    """How much lower than both its sides a neck is, given the radii of all pieces of the plane."""
    return max(_LEAST_NECK_DEPTH_PX, _NECK_DEPTH_SHARE * float(np.median(radii)))


def part(mask: NDArray[np.bool_], land: Relief, least: float) -> Parted:
    """The objects of a mask, parted by valleys of at least that depth.

    A watershed from the h-maxima (Soille, Morphological Image Analysis, 2nd ed. 2003, 9.2). What
    touches not even at a corner has no say in each other's parts. Objects are numbered by the first
    pixel of their peak, row by row; then come pieces too flat for a peak.
    """
    seeds, count = ndimage.label(_maxima(land.peaks * mask, least), EIGHT)
    objects = _flooded(land.flooded, seeds, mask)
    bare, pieces = ndimage.label(mask & (objects == 0))
    first = np.concatenate([_first_pixels(seeds, count), _first_pixels(bare, pieces)])
    objects[bare > 0] = bare[bare > 0] + count
    return Parted(objects, first, pieces)


def peak_heights(
    mask: NDArray[np.bool_], heights: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """How high each piece of the mask is, and the flat index of its first pixel."""
    pieces, count = ndimage.label(mask)
    highest = np.zeros(count + 1, np.float32)
    # Unlike `ndimage.maximum`, this sorts no pixels.
    np.maximum.at(highest, pieces[mask], heights[mask])
    return highest[1:], _first_pixels(pieces, count)


def _first_pixels(labels: NDArray[np.integer], count: int) -> NDArray[np.int64]:
    """The flat index of the first pixel of each label from 1 to `count`, row by row."""
    backwards = np.flatnonzero(labels)[::-1]
    first = np.zeros(count + 1, np.int64)
    # Of several values for one place the last stays.
    first[labels.reshape(-1)[backwards]] = backwards
    return first[1:]


def _distance(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The distance to the nearest background, 0 where there is none: that is no middle either."""
    if mask.all():
        return np.zeros(mask.shape)
    return np.asarray(ndimage.distance_transform_edt(mask))


def _smooth(height: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(ndimage.gaussian_filter(height, 1.0), np.float32)


def _maxima(height: NDArray[np.float32], least: float) -> NDArray[np.bool_]:
    """The h-maxima, with what is less than h below them, of heights on a background of 0."""
    from skimage.morphology import local_maxima

    cut = _reconstructed(np.maximum(height - np.float32(least), 0), height)
    found: NDArray[np.bool_] = local_maxima(cut).astype(bool) & (cut > 0)
    return found


def _reconstructed(low: NDArray[np.float32], high: NDArray[np.float32]) -> NDArray[np.float32]:
    """The reconstruction by dilation of `low` under `high`.

    A few dilations do most of it around the peaks of cells, several times faster than the general
    algorithm, which sorts all pixels; what is left is followed from the pixels that still change.
    """
    from skimage.morphology import reconstruction

    for _ in range(_MOST_DILATIONS):
        grown = np.minimum(_dilated(low), high)
        changed = grown > low
        low = grown
        if np.count_nonzero(changed) <= _FEW * low.size:
            return _followed(low, high, changed)
    return np.asarray(reconstruction(low, high), np.float32)


def _dilated(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each pixel's largest value among it and its eight neighbours."""
    wide = values.copy()
    np.maximum(wide[:, 1:], values[:, :-1], out=wide[:, 1:])
    np.maximum(wide[:, :-1], values[:, 1:], out=wide[:, :-1])
    out = wide.copy()
    np.maximum(out[1:], wide[:-1], out=out[1:])
    np.maximum(out[:-1], wide[1:], out=out[:-1])
    return out


def _followed(
    low: NDArray[np.float32], high: NDArray[np.float32], changed: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """The same by waves, each from the pixels that the last one changed."""
    width = low.shape[1] + 2
    flat, most = (np.pad(a, 1, constant_values=-1).reshape(-1) for a in (low, high))
    places = np.flatnonzero(np.pad(changed, 1))
    while places.size:
        values, raised = flat[places], []
        for step in (y * width + x for y in (-1, 0, 1) for x in (-1, 0, 1)):
            there = places + step
            offered = np.minimum(values, most[there])
            higher = offered > flat[there]
            flat[there[higher]] = offered[higher]
            raised.append(there[higher])
        places = np.unique(np.concatenate(raised))
    return flat.reshape(-1, width)[1:-1, 1:-1]


def _flooded(
    height: NDArray[np.float32], seeds: NDArray[np.integer], mask: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """The watershed of the mask from the seeds.

    Seeds are below all else, one pixel below the next: equal ones would be taken in an order that
    depends on what else is in the array.
    """
    from skimage.segmentation import watershed

    sunk = -height.astype(np.float64)
    flat = np.flatnonzero(seeds)
    sunk.reshape(-1)[flat] = sunk.min(initial=0) - len(flat) + np.arange(len(flat))
    return np.asarray(watershed(sunk, seeds, mask=mask), np.int32)
