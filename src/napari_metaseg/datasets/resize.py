"""Resize planes so that areas stay true: what a coarser camera would have recorded.

Pixel i of n covers [i/n, (i + 1)/n] of the plane's side, so both grids share their borders and no
size, however odd or small, shifts the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

ReadWindow = Callable[[slice, slice], NDArray[Any]]
"""Gives the pixels (C, y, x) of some rows and columns of a plane."""


def scaled_shape(shape: tuple[int, int], factor: float) -> tuple[int, int]:
    """The (Y, X) shape times `factor`, at least one pixel a side."""
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def resize_image(image: NDArray[np.generic], shape: tuple[int, int]) -> NDArray[np.float32]:
    """The (C, Y, X) image on a (Y, X) grid of another size.

    Along an axis that shrinks, a new pixel is the mean of what it covers (exact area weights, so
    nothing aliases); along one that grows, values are interpolated linearly between the pixels'
    centres and held beyond the outermost. Means stay means: no value leaves the image's range.
    """
    whole = slice(0, shape[0]), slice(0, shape[1])
    old_shape = (image.shape[-2], image.shape[-1])
    return resize_window(lambda y, x: image[:, y, x], old_shape, shape, *whole)


def resize_window(
    read: ReadWindow,
    shape: tuple[int, int],
    new_shape: tuple[int, int],
    rows: slice,
    columns: slice,
) -> NDArray[np.float32]:
    """These rows and columns of the plane that `resize_image` gives, and no more read for them.

    `read` gives any window (C, y, x) of the plane, whose (Y, X) `shape` becomes `new_shape`. Slices
    have a start and a stop within the plane.
    """
    if shape == new_shape:
        return np.array(read(rows, columns), np.float32)
    y, old_rows = _window(shape[0], new_shape[0], rows)
    x, old_columns = _window(shape[1], new_shape[1], columns)
    pixels = np.asarray(read(old_rows, old_columns), np.float32)
    return np.ascontiguousarray(np.stack([(x @ (y @ channel).T).T for channel in pixels]))


def _window(size: int, wanted: int, new: slice) -> tuple[Any, slice]:
    """What gives the new pixels of one axis, and the old ones that it takes."""
    weights = _weights(size, wanted)[new]
    old = slice(int(weights.indices.min()), int(weights.indices.max()) + 1)
    return weights[:, old], old


def needed(size: int, wanted: int, new: slice) -> slice:
    """The old pixels along an axis that these new ones are made of."""
    return new if size == wanted else _window(size, wanted, new)[1]


def resize_labels(labels: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """The (Y, X) labels on another grid: each new pixel takes the one that holds its centre."""
    rows, columns = (_nearest(n, m) for n, m in zip(labels.shape, shape, strict=True))
    return np.ascontiguousarray(labels[np.ix_(rows, columns)])


def _nearest(size: int, wanted: int) -> NDArray[np.intp]:
    centres = (np.arange(wanted) + 0.5) * (size / wanted)
    return np.minimum(centres.astype(np.intp), size - 1)


@lru_cache(maxsize=32)
def _weights(size: int, wanted: int) -> Any:
    """The sparse (wanted, size) matrix that resizes one axis; its rows sum to 1."""
    from scipy import sparse

    make = _area_weights if wanted < size else _linear_weights
    rows, columns, values = make(size, wanted)
    weights = values.astype(np.float32)
    return sparse.csr_matrix((weights, (rows, columns)), shape=(wanted, size))


def _area_weights(
    size: int, wanted: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Each new pixel against the old ones it may cover, weighted by the covered length."""
    width = size / wanted
    reach = int(np.ceil(width)) + 1
    edges = np.arange(wanted)[:, None] * width
    old = np.floor(edges).astype(np.intp) + np.arange(reach)[None]
    covered = np.minimum(old + 1, edges + width) - np.maximum(old, edges)
    weights = np.clip(covered, 0, None) / width
    weights[old >= size] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(wanted), reach)
    return rows, np.minimum(old, size - 1).ravel(), weights.ravel()


def _linear_weights(
    size: int, wanted: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Each new centre between the two old centres around it."""
    centres = np.clip((np.arange(wanted) + 0.5) * (size / wanted) - 0.5, 0, size - 1)
    low = np.minimum(centres.astype(np.intp), max(size - 2, 0))
    high = np.minimum(low + 1, size - 1)
    share = centres - low
    rows = np.tile(np.arange(wanted), 2)
    return rows, np.concatenate([low, high]), np.concatenate([1 - share, share])
