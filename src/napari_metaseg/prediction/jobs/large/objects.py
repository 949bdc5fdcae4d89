"""The objects of a large plane, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.datasets.object_widths import diameters_of
from napari_metaseg.datasets.plausibility import width_notice
from napari_metaseg.events import CancelToken, Event
from napari_metaseg.prediction.jobs.large.meter import OBJECTS, Meter
from napari_metaseg.prediction.jobs.large.plane import LargePlane
from napari_metaseg.prediction.jobs.large.work import LargeWork, Objects
from napari_metaseg.prediction.jobs.plan import ImageTask
from napari_metaseg.prediction.jobs.results import Content
from napari_metaseg.prediction.objects.block_view import Area
from napari_metaseg.prediction.objects.instances_in_blocks import Labelled, label_in_blocks
from napari_metaseg.prediction.predictor import Predictor

_BLOCK_PX = 2048


def find_objects(
    predictor: Predictor,
    task: ImageTask,
    work: LargeWork,
    number: int,
    meter: Meter,
    token: CancelToken,
) -> Iterator[Event]:
    """Write the labels of a plane, if they are not there yet; yields progress."""
    plane = work.plane(number)
    before = work.objects(number)
    if before is not None and before.checksum == _checksum(plane):
        return
    plane.labels.clear()
    steps = label_in_blocks(plane.classes, plane.labels, plane.depth, token=token)
    counted, result = 0.0, None
    while result is None:
        try:
            done, total = next(steps)
        except StopIteration as stop:
            result = stop.value
        else:
            yield meter.add(meter.plane_px * (done / total - counted), OBJECTS)
            counted = done / total
    areas, at_edge, content = _measured(plane, result)
    sizes = predictor.package.manifest.object_sizes
    odd = width_notice(diameters_of(areas, at_edge), task.conditions[number], sizes)
    notices = [odd] if odd else []
    if result.followed_in_part:
        notices.append(
            f"{result.followed_in_part} object(s) belong to a connected area that is larger than "
            "what is looked at at once: where it touches itself it may be parted otherwise than in "
            "a small image"
        )
    work.add_objects(number, Objects(content, tuple(notices), _checksum(plane)))


def _measured(
    plane: LargePlane, result: Labelled
) -> tuple[NDArray[np.int64], NDArray[np.bool_], Content]:
    """The area of each object from 1, whether it touches the edge, and what is in the plane."""
    areas = np.zeros(result.objects + 1, np.int64)
    at_edge = np.zeros(result.objects + 1, bool)
    content = Content(objects=result.objects)
    height, width = plane.shape
    for rows, columns in _blocks(plane.shape):
        labels = plane.labels[rows, columns]
        areas += np.bincount(labels.reshape(-1), minlength=len(areas))
        sides = ((0, labels[0]), (1, labels[-1]), (2, labels[:, 0]), (3, labels[:, -1]))
        outer = (rows.start == 0, rows.stop == height, columns.start == 0, columns.stop == width)
        for side, line in sides:
            if outer[side]:
                at_edge[line] = True
        probability = plane.probability.part((rows, columns))
        content += Content.of(probability, plane.classes.part((rows, columns)), 0)
    return areas[1:], at_edge[1:], content


def _checksum(plane: LargePlane) -> int:
    found = 0
    for area in _blocks(plane.shape):
        found = plane.labels.checksum(area, found)
    return found


def _blocks(shape: tuple[int, int]) -> Iterator[Area]:
    height, width = shape
    for y, x in product(range(0, height, _BLOCK_PX), range(0, width, _BLOCK_PX)):
        yield slice(y, min(y + _BLOCK_PX, height)), slice(x, min(x + _BLOCK_PX, width))
