"""The classes of a training set: their names, and how much each weighs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.datasets.plane_item import PlaneItem
from napari_metaseg.errors import InputError
from napari_metaseg.training.request import TrainingRequest


def class_names(request: TrainingRequest, train: Sequence[PlaneItem]) -> tuple[str, ...]:
    """The names of the foreground classes: those asked for, else one for each in the labels."""
    highest = max(item.surveyed().highest_class for item in train)
    count = max(1, highest, len(request.class_names))
    if request.class_names and len(request.class_names) < highest:
        raise InputError(
            "there are more classes in the labels than names",
            got=f"class {highest}, {len(request.class_names)} name(s)",
            way_out="Name every foreground class, or none",
        )
    default = ("foreground",) if count == 1 else tuple(f"class {i}" for i in range(1, count + 1))
    return request.class_names or default


def class_pixels(train: Sequence[PlaneItem], classes: int) -> tuple[int, ...]:
    """The annotated pixels of the background and of each of so many classes, over all planes."""
    total = np.zeros(classes + 1, np.int64)
    for item in train:
        counts = item.surveyed().class_counts
        total[: len(counts)] += counts
    return tuple(map(int, total))


def class_weights(
    request: TrainingRequest, train: Sequence[PlaneItem], classes: int
) -> tuple[float, ...] | None:
    """The weight of the background and of each class, of mean 1; None where none is asked for.

    "balanced" is the inverse of the share of the annotated pixels; a class of which there are none
    weighs as much as the rarest. Raises `InputError` for weights of another number, below 0, or
    all 0, and where the classes that are learned are not those of the labels.
    """
    asked = request.class_weights
    if asked == "none":
        return None
    if request.objects != "mask":
        raise InputError(
            "class_weights weigh the classes of the labels",
            got=f"{request.objects} to be learned of objects, which makes classes of its own",
            way_out="Leave the weights out, or learn masks",
        )
    if asked == "balanced":
        counts = np.array(class_pixels(train, classes), np.float64)
        counts[counts == 0] = counts[counts > 0].min(initial=np.inf)
        return _of_mean_1(1 / counts)
    if len(asked) != classes + 1 or min(asked) < 0 or not 0 < sum(asked) < float("inf"):
        raise InputError(
            f"class_weights must be {classes + 1} numbers from 0 on, not all of them 0",
            got=", ".join(f"{weight:g}" for weight in asked) or "none",
            way_out="Give one for the background and one for each class",
        )
    return _of_mean_1(np.array(asked))


def _of_mean_1(weights: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(map(float, weights / weights.mean()))
