"""A real focus series: what it is worth to know how far each plane is from focus.

One field of view is all there is, so it is cut: the left part trains, the right part tests, and a
gap between them keeps the network's context apart. The result speaks of this field alone.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

import numpy as np

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.datasets.items import PlaneItem, load_items
from napari_metaseg.datasets.labels import LabelTarget
from napari_metaseg.errors import InputError
from napari_metaseg.events import Event, Notice
from napari_metaseg.studies.arms import FILM, FILM_WITHHELD, GENERAL, OTSU
from napari_metaseg.studies.study import StudyRequest, Trial
from napari_metaseg.training.request import TrainingRequest

ARMS = (OTSU, GENERAL, FILM, FILM_WITHHELD)
_TRAIN_SHARE, _GAP_PX = 0.6, 96


def design(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """All arms and seeds, scored plane by plane, on the stack of the table given with --cohort."""
    if request.cohort is None:
        raise InputError(
            "this study needs a focus series", way_out="Give a table with its row as --cohort"
        )
    yield Notice("Reading the focus series")
    items = [item.loaded() for item in load_items(read_cohort(request.cohort))]
    training = [part for item in items for part in _training_parts(item)]
    test = [_part(item, *_test_columns(item), "test") for item in items]
    base = TrainingRequest(
        steps=20 if request.quick else 400,
        width=8,
        depth=4,
        patch_px=160,
        batch_size=6,
        fields=("plane_offset_um",),
        max_zoom=1,
    )
    by = ("plane_offset_um",)
    return (Trial("focus series", "focus-series", ARMS, base, training, test, by),)


def _training_parts(item: PlaneItem) -> Iterator[PlaneItem]:
    """Of the left part, three quarters of the rows train and the last quarter validates."""
    width = round(_TRAIN_SHARE * item.image.shape[2])
    edge = round(0.75 * item.image.shape[1])
    yield _part(item, slice(0, edge), slice(0, width), "train")
    yield _part(item, slice(edge, None), slice(0, width), "val")


def _test_columns(item: PlaneItem) -> tuple[slice, slice]:
    start = round(_TRAIN_SHARE * item.image.shape[2]) + _GAP_PX
    return slice(None), slice(start, None)


def _part(item: PlaneItem, rows: slice, columns: slice, split: str) -> PlaneItem:
    target = item.target
    assert target is not None
    cut = LabelTarget(
        classes=target.classes[rows, columns],
        valid=target.valid[rows, columns],
        instances=None if target.instances is None else target.instances[rows, columns],
    )
    image = np.ascontiguousarray(item.image[:, rows, columns])
    return replace(item.with_pixels(image, cut), split=split, group=split)
