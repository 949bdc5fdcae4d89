"""One converter from a label image to what training, evaluation and napari take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, assert_never

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.cohort import LABEL_KINDS, LabelKind
from napari_metaseg.errors import InputError

ObjectTarget = Literal["mask", "boundary", "distance"]
"""What a network learns of separate objects: where they are, also their rims, or also how deep in
an object each pixel is."""

_LARGEST_CLASS = int(np.iinfo(np.int16).max)
_LARGEST_INSTANCE = int(np.iinfo(np.int32).max)


@dataclass(frozen=True)
class LabelTarget:
    """What an annotation says of one plane.

    `classes` (Y, X): 0 background, 1.. foreground classes. `valid` (Y, X): which pixels were
    annotated; only these train and count. `instances` (Y, X): 0 background, one number per object,
    or None where the annotation does not tell objects apart.
    """

    classes: NDArray[np.int16]
    valid: NDArray[np.bool_]
    instances: NDArray[np.int32] | None = None


def convert_labels(raw: NDArray[Any], kind: LabelKind) -> LabelTarget:
    """The target that a (Y, X) label image of whole numbers or truth values states.

    `instances`: 0 background, > 0 objects, all of one class. `classes`: 0 background, 1.. classes.
    `sparse`: 0 not annotated, 1 background, 2.. become the classes 1.. . The arrays are new ones.
    Raises `InputError` for another number of axes, fractions, negative or too large numbers.
    """
    if kind not in LABEL_KINDS:
        raise InputError(
            "unknown label_kind", got=repr(kind), way_out=f"Use {', '.join(LABEL_KINDS)}"
        )
    labels = _checked(raw)
    everywhere = np.ones(labels.shape, dtype=np.bool_)
    if kind == "instances":
        return LabelTarget((labels > 0).astype(np.int16), everywhere, _as_instances(labels))
    if kind == "classes":
        return LabelTarget(_as_classes(labels), everywhere)
    if kind == "sparse":
        annotated = labels > 0
        return LabelTarget(_as_classes(np.where(annotated, labels, 1) - 1), annotated)
    assert_never(kind)


def _checked(raw: NDArray[Any]) -> NDArray[np.int64]:
    if raw.ndim != 2:
        raise InputError(
            "labels must be one plane with the axes YX",
            got=f"an array of shape {raw.shape}",
            way_out="Choose one plane, or save labels as a single-channel image",
        )
    if raw.dtype != np.bool_ and not np.issubdtype(raw.dtype, np.integer):
        raise InputError(
            "labels must be whole numbers",
            got=f"pixels of type {raw.dtype}",
            way_out="Save the labels as an integer image",
        )
    if raw.size and raw.min() < 0:
        raise InputError(
            "labels must not be negative",
            got=f"{raw.min()}",
            way_out="Use 0 for the background and positive numbers for objects or classes",
        )
    if raw.dtype == np.uint64 and raw.size and raw.max() > np.iinfo(np.int64).max:
        raise InputError("labels are too large to be counted", got=f"{raw.max()}")
    return raw.astype(np.int64)


def _as_instances(labels: NDArray[np.int64]) -> NDArray[np.int32]:
    if labels.size and labels.max() > _LARGEST_INSTANCE:
        numbers, positions = np.unique(labels, return_inverse=True)
        first = 0 if numbers[0] == 0 else 1
        labels = positions.reshape(labels.shape) + first
    return labels.astype(np.int32)


def _as_classes(labels: NDArray[np.int64]) -> NDArray[np.int16]:
    if labels.size and labels.max() > _LARGEST_CLASS:
        raise InputError(
            "a label image of classes has too many of them",
            got=f"class {labels.max()}",
            way_out="If every number is one object, set label_kind to instances",
        )
    return labels.astype(np.int16)
