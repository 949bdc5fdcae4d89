"""Separate objects of a plane of any size, block by block, numbered as if it were one piece.

For each block all of the mask that touches it is looked at, as far as that sticks out. An object is
known by the pixel that it grew from, so that blocks agree on it without speaking to each other.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from itertools import product
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.events import CancelToken
from napari_metaseg.prediction.objects.block_view import Area, BlockView, Readable, look
from napari_metaseg.prediction.objects.joined import Found, Joints
from napari_metaseg.prediction.objects.parting import (
    LEAST_VALLEY,
    neck_depth,
    part,
    peak_heights,
    relief,
)

BLOCK_PX = 1024
LOOK_PX = 512
"""So far beyond a block its objects are followed. What sticks out further is joined at borders."""


class Grid(Readable, Protocol):
    """An array (Y, X) in memory or on disk that can be changed."""

    def __setitem__(self, area: Area, values: Any) -> None:
        """Change the values of an area."""


class Labelled(NamedTuple):
    """How many objects there are, and how many of them were followed only so far."""

    objects: int
    followed_in_part: int


Steps = Generator[tuple[int, int], None, Labelled]


def label_in_blocks(
    classes: Readable,
    labels: Grid,
    depth: Readable | None = None,
    *,
    block_px: int = BLOCK_PX,
    look_px: int = LOOK_PX,
    token: CancelToken | None = None,
) -> Steps:
    """Write into `labels` (int32, zeros) the objects of `classes`, see `instances_from_classes`.

    Equal to those of one block that holds the plane, but for pieces of the mask that stick out of a
    block by more than `look_px`; memory grows with the square of both together. Yields how many
    steps of how many are done; stops between two of them on the token.
    """
    return _Blocks(classes, labels, depth, block_px, look_px, token).label()


class _Blocks:
    """The passes over one plane."""

    def __init__(
        self,
        classes: Readable,
        labels: Grid,
        depth: Readable | None,
        block_px: int,
        look_px: int,
        token: CancelToken | None,
    ) -> None:
        self._classes, self._labels, self._depth = classes, labels, depth
        self._look_px, self._token = look_px, token
        height, width = classes.shape
        starts = product(range(0, height, block_px), range(0, width, block_px))
        self._areas = [
            (slice(y, min(y + block_px, height)), slice(x, min(x + block_px, width)))
            for y, x in starts
        ]
        self._done, self._total = 0, 0
        self._kept: BlockView | None = None

    def label(self) -> Steps:
        """All passes: which classes there are, the objects of each, and their numbers."""
        self._total = 2 * len(self._areas)
        present: set[int] = set()
        yield from self._each(lambda area: present.update(np.unique(self._classes[area]).tolist()))
        values = sorted(value for value in present if value > 0)
        passes = 1 if self._depth is not None else 2
        self._total += passes * len(values) * len(self._areas)
        numbers, objects, in_part = np.zeros(1, np.int32), 0, 0
        for value in values:
            joints = Joints(self._classes.shape)
            yield from self._objects(value, joints, len(numbers))
            result = joints.numbered(objects)
            numbers = np.concatenate([numbers, result.numbers])
            objects, in_part = objects + result.objects, in_part + result.in_part
        yield from self._each(lambda area: self._number(area, numbers))
        return Labelled(objects, in_part)

    def _objects(self, value: int, joints: Joints, start: int) -> Iterator[tuple[int, int]]:
        """Write the objects of one class under numbers of their own in each block."""
        least = LEAST_VALLEY
        if self._depth is None:
            heights: list[NDArray[np.float32]] = []
            yield from self._each(lambda area: heights.append(self._heights(value, area)))
            least = neck_depth(np.concatenate(heights))
        yield from self._each(lambda area: self._part(value, area, least, joints, start))
        self._kept = None

    def _each(self, step: Callable[[Area], None]) -> Iterator[tuple[int, int]]:
        for area in self._areas:
            if self._token is not None:
                self._token.raise_if_cancelled()
            step(area)
            self._done += 1
            yield self._done, self._total

    def _view(self, value: int, area: Area) -> BlockView:
        """What a block shows of a class; of a single block it is kept for the next pass."""
        if self._kept is not None:
            return self._kept
        view = look(self._classes, value, area, self._look_px)
        view = view.on(relief(view.mask, None if self._depth is None else self._depth[view.area]))
        self._kept = view if len(self._areas) == 1 else None
        return view

    def _heights(self, value: int, area: Area) -> NDArray[np.float32]:
        """How high each piece of the mask is whose first pixel lies in the block."""
        view = self._view(value, area)
        heights, first = peak_heights(view.chosen, view.relief.peaks)
        return heights[view.owns(first)]

    def _part(self, value: int, area: Area, least: float, joints: Joints, start: int) -> None:
        view = self._view(value, area)
        parted = part(view.chosen, view.relief, least)
        own = joints.add(Found(view, parted), start)
        if own.any():
            before = self._labels[area]
            self._labels[area] = np.where(own > 0, own, before)

    def _number(self, area: Area, numbers: NDArray[np.int32]) -> None:
        found = self._labels[area]
        if found.any():
            self._labels[area] = numbers[found]
