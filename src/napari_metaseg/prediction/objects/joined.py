"""One object out of what several blocks saw of it, and the numbers of all objects of a class."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.prediction.objects.block_view import BlockView
from napari_metaseg.prediction.objects.parting import Parted

_SMALLEST_PX = 4
_SMALLEST_SHARE_OF_MEDIAN = 0.05
_SHARED = 0.5
"""Of the border between two blocks, what two parts of one object share at least."""


class Found(NamedTuple):
    """The objects that one block sees."""

    view: BlockView
    parted: Parted


class Numbered(NamedTuple):
    """The number of the object that each entry belongs to, 0 for specks.

    `objects` is how many there are, `in_part` how many of them were followed only so far.
    """

    numbers: NDArray[np.int32]
    objects: int
    in_part: int


class Joints:
    """The objects of one class as blocks see them, each under an entry of its own.

    Two entries are one object where both grew from the same pixel; and where none of the blocks saw
    the end of it, if they agree on most of the border between them.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._size = int(shape[0]) * int(shape[1])
        self._keys: list[NDArray[np.int64]] = []
        self._areas: list[NDArray[np.int64]] = []
        self._in_part: list[NDArray[np.bool_]] = []
        self._count = 0
        self._waiting: dict[tuple[int, int, bool], NDArray[np.int64]] = {}
        self._pairs: list[tuple[int, int]] = []

    def add(self, found: Found, start: int) -> NDArray[np.int32]:
        """Take what a block sees; its own pixels with the entry of each, counted from `start`."""
        view, parted = found
        areas = np.bincount(parted.objects[view.inner].reshape(-1), minlength=1 + len(parted.first))
        seen = np.flatnonzero(areas[1:]) + 1
        entries = np.zeros(1 + len(parted.first), np.int64)
        entries[seen] = np.arange(len(seen)) + self._count + 1
        keys = view.in_plane(parted.first)
        keys[len(keys) - parted.bare :] += self._size
        in_part = _objects_in(view.in_part, parted.objects, len(entries))
        self._keys.append(keys[seen - 1])
        self._areas.append(areas[seen])
        self._in_part.append(in_part[seen])
        self._count += len(seen)
        if in_part.any():
            self._meet(view, np.where(in_part, entries, 0)[parted.objects])
        entries[seen] += start - 1
        return entries[parted.objects[view.inner]].astype(np.int32)

    def numbered(self, offset: int) -> Numbered:
        """What each entry is numbered: by peaks, row by row, then pieces without one."""
        if not self._count:
            return Numbered(np.zeros(0, np.int32), 0, 0)
        keys, objects = np.unique(np.concatenate(self._keys), return_inverse=True)
        objects = self._joined(objects.reshape(-1), len(keys))
        areas = np.bincount(objects, np.concatenate(self._areas))
        smallest = max(_SMALLEST_PX, _SMALLEST_SHARE_OF_MEDIAN * float(np.median(areas)))
        kept = areas >= smallest
        numbers = np.where(kept, np.cumsum(kept) + offset, 0).astype(np.int32)
        in_part = np.unique(objects[np.concatenate(self._in_part)])
        return Numbered(numbers[objects], int(kept.sum()), int(kept[in_part].sum()))

    def _meet(self, view: BlockView, entries: NDArray[np.int64]) -> None:
        """Compare with what the blocks above and to the left see of the pixels at the border."""
        (rows, columns), (inner_rows, inner_columns) = view.block, view.inner
        sides = (
            (entries[:, inner_columns], inner_rows, (rows, columns.start), True),
            (entries.T[:, inner_rows], inner_columns, (columns, rows.start), False),
        )
        for lines, inner, (along, across), below in sides:
            waiting = self._waiting.pop((along.start, across, below), None)
            if waiting is not None:
                self._pairs += _agreed(waiting, lines[inner.start])
            if inner.stop < len(lines):
                self._waiting[along.stop, across, below] = lines[inner.stop].copy()

    def _joined(self, objects: NDArray[np.intp], count: int) -> NDArray[np.intp]:
        """The objects, numbered from 0 in the same order, once those that agree are one."""
        if not self._pairs:
            return objects
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        a, b = objects[np.asarray(self._pairs).T - 1]
        links = coo_matrix((np.ones(len(a), bool), (a, b)), shape=(count, count))
        groups = connected_components(links, directed=False)[1]
        first = np.unique(groups, return_index=True)[1]
        order = np.empty(len(first), np.intp)
        order[np.argsort(first)] = np.arange(len(first))
        return np.asarray(order[groups][objects])


def _objects_in(
    part: NDArray[np.bool_] | None, objects: NDArray[np.int32], count: int
) -> NDArray[np.bool_]:
    """For each object, the background first, whether it has a pixel in that part."""
    occurs = np.zeros(count, bool)
    if part is not None:
        occurs[objects[part]] = True
        occurs[0] = False
    return occurs


def _agreed(a: NDArray[np.int64], b: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The entries that two blocks give to mostly the same pixels of a line."""
    both = (a > 0) & (b > 0)
    pairs, counts = np.unique(np.stack([a[both], b[both]]), axis=1, return_counts=True)
    of_a, of_b = (dict(zip(*np.unique(line, return_counts=True), strict=True)) for line in (a, b))
    return [
        (int(i), int(j))
        for (i, j), shared in zip(pairs.T, counts, strict=True)
        if shared >= _SHARED * max(of_a[i], of_b[j])
    ]
