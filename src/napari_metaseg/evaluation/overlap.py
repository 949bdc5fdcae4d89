"""Pixel scores of one plane: IoU (Jaccard) and Dice, averaged over its foreground classes.

IoU = |T∩P| / |T∪P| (Jaccard 1901), Dice = 2|T∩P| / (|T| + |P|) (Dice 1945), for each class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.errors import InputError

Pixels = NDArray[np.integer[Any]] | NDArray[np.bool_]
Mask = NDArray[np.bool_]


def iou(truth: Pixels, predicted: Pixels, valid: Mask | None = None) -> float | None:
    """The mean IoU over the foreground classes present in truth or prediction, 0 to 1.

    All are (Y, X); `truth` and `predicted` hold classes with 0 as background, `valid` says which
    pixels were annotated (None: all). Both without foreground: 1. Only one without: 0. No annotated
    pixel at all: None. Raises `InputError` where the shapes differ.
    """
    areas = _areas(truth, predicted, valid)
    if areas is None:
        return None
    both, sum_of_areas = areas
    return _mean_over_present(both, sum_of_areas - both)


def dice(truth: Pixels, predicted: Pixels, valid: Mask | None = None) -> float | None:
    """The mean Dice over the foreground classes present in truth or prediction, 0 to 1.

    Arguments and special cases are those of `iou`.
    """
    areas = _areas(truth, predicted, valid)
    if areas is None:
        return None
    both, sum_of_areas = areas
    return _mean_over_present(2 * both, sum_of_areas)


def require_same_shape(truth: Pixels, predicted: Pixels, valid: Mask | None) -> None:
    """Raise `InputError` unless the three cover the same (Y, X) pixels."""
    for name, other in (("prediction", predicted), ("mask of annotated pixels", valid)):
        if other is not None and other.shape != truth.shape:
            raise InputError(
                f"the {name} and the annotation differ in size",
                got=f"{other.shape} and {truth.shape}",
                way_out="Score a prediction of the very image that was annotated",
            )


def _areas(
    truth: Pixels, predicted: Pixels, valid: Mask | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Of each foreground class, |T∩P| and |T| + |P|; None without an annotated pixel."""
    require_same_shape(truth, predicted, valid)
    t = truth.ravel() if valid is None else truth[valid]
    p = predicted.ravel() if valid is None else predicted[valid]
    if t.size == 0:
        return None
    classes = int(max(t.max(), p.max())) + 1
    both = np.bincount(t[t == p], minlength=classes)
    total = np.bincount(t, minlength=classes) + np.bincount(p, minlength=classes)
    return both[1:], total[1:]


def _mean_over_present(shared: NDArray[np.int64], whole: NDArray[np.int64]) -> float:
    present = whole > 0
    if not present.any():
        return 1.0
    return float(np.mean(shared[present] / whole[present]))
