"""From a probability to separate objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_SMALLEST_PX = 4
_SMALLEST_SHARE_OF_MEDIAN = 0.05
_LEAST_NECK_DEPTH_PX = 0.75
_NECK_DEPTH_SHARE = 0.1
_LEAST_VALLEY = 0.1


def classes_from_probability(
    probability: NDArray[np.float32], threshold: float = 0.5
) -> NDArray[np.uint8]:
    """The class of each pixel (Y, X), 0 background.

    A (1, Y, X) probability is the foreground's and is cut at `threshold`; of a (K + 1, Y, X) one
    (background first) the largest wins.
    """
    if probability.shape[0] == 1:
        return (probability[0] >= threshold).astype(np.uint8)
    return probability.argmax(axis=0).astype(np.uint8)


def instances_from_classes(
    classes: NDArray[np.integer], depth: NDArray[np.float32] | None = None
) -> NDArray[np.int32]:
    """Separate objects (Y, X), numbered from 1; no object spans two classes.

    Touching objects are split where the distance to the background has a neck: a watershed from
    the h-maxima of the distance transform (Soille, Morphological Image Analysis, 2nd ed. 2003,
    9.2), with h relative to the size of the objects. Where a network says how deep in an object
    each pixel is (`depth`, Y, X, 0 to 1), its valleys take the place of necks. Specks are dropped.
    """
    labels = np.zeros(classes.shape, np.int32)
    for value in np.unique(classes[classes > 0]):
        objects = _split_touching(classes == value, depth)
        labels[objects > 0] = objects[objects > 0] + labels.max()
    return labels


def _split_touching(
    mask: NDArray[np.bool_], depth: NDArray[np.float32] | None
) -> NDArray[np.int32]:
    from skimage.morphology import h_maxima
    from skimage.segmentation import watershed

    pieces, count = ndimage.label(mask)
    if count == 0:
        return np.zeros(mask.shape, np.int32)
    if depth is None:
        height = _smooth(np.asarray(ndimage.distance_transform_edt(mask)))
        radii = ndimage.maximum(height * mask, pieces, np.arange(1, count + 1))
        least = max(_LEAST_NECK_DEPTH_PX, _NECK_DEPTH_SHARE * float(np.median(radii)))
        peaks = h_maxima(height * mask, least)
    else:
        peaks = h_maxima(depth * mask, _LEAST_VALLEY)
        # Smooth, so that between two peaks that say nothing of the way, the middle parts them.
        height = _smooth(depth * mask)
    seeds, _ = ndimage.label(peaks, np.ones((3, 3)))
    seeds = _seed_every_piece(seeds, pieces, mask)
    objects = watershed(-height, seeds, mask=mask)
    return _drop_specks(objects.astype(np.int32))


def _smooth(height: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(ndimage.gaussian_filter(height, 1.0), np.float32)


def _seed_every_piece(
    seeds: NDArray[np.integer], pieces: NDArray[np.integer], mask: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Give a piece too flat for an h-maximum one seed of its own: the whole piece."""
    seeded = np.unique(pieces[(seeds > 0) & mask])
    bare = mask & ~np.isin(pieces, seeded)
    return np.where(bare, pieces + seeds.max(), seeds).astype(np.int32)


def _drop_specks(objects: NDArray[np.int32]) -> NDArray[np.int32]:
    areas = np.bincount(objects.ravel())
    if areas.size <= 1:
        return objects
    median = float(np.median(areas[1:][areas[1:] > 0]))
    smallest = max(_SMALLEST_PX, _SMALLEST_SHARE_OF_MEDIAN * median)
    keep = areas >= smallest
    keep[0] = False
    numbers = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    return numbers[objects]
