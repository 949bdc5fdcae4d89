"""What a block of a plane shows of one class, with all that is connected to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_metaseg.prediction.objects.parting import EIGHT, REACH_PX, Relief

Area = tuple[slice, slice]
"""Rows and columns of a plane, with a start and a stop."""

_FIRST_LOOK_PX = 64


class Readable(Protocol):
    """An array (Y, X) in memory or on disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(Y, X)."""

    def __getitem__(self, area: Area) -> Any:
        """The values of an area."""


@dataclass(frozen=True)
class BlockView:
    """An `area` of a plane of `shape` (Y, X) around its part `block`.

    `mask` is the class there, `chosen` all of it that is connected to the block, and `in_part` that
    of it which goes on beyond the area.
    """

    shape: tuple[int, int]
    block: Area
    area: Area
    mask: NDArray[np.bool_]
    chosen: NDArray[np.bool_]
    in_part: NDArray[np.bool_] | None = None
    heights: Relief | None = None

    @property
    def inner(self) -> Area:
        """The block within the area."""
        return _within(self.block, self.area)

    @property
    def relief(self) -> Relief:
        """The heights in the area."""
        assert self.heights is not None
        return self.heights

    def on(self, heights: Relief) -> BlockView:
        """The same with heights."""
        return replace(self, heights=heights)

    def owns(self, flat: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether pixels, by their flat index in the area, lie in the block."""
        places = np.unravel_index(flat, self.mask.shape)
        rows, columns = (
            (place >= inner.start) & (place < inner.stop)
            for place, inner in zip(places, self.inner, strict=True)
        )
        return np.asarray(rows & columns)

    def in_plane(self, flat: NDArray[np.int64]) -> NDArray[np.int64]:
        """The flat indices in the plane of pixels of the area."""
        y, x = np.unravel_index(flat, self.mask.shape)
        return (y + self.area[0].start) * self.shape[1] + x + self.area[1].start


def look(classes: Readable, value: int, block: Area, look_px: int) -> BlockView:
    """What a block shows of the class `value`, looked at as far as needed and up to `look_px`.

    The area reaches `REACH_PX` beyond what is connected to the block, or ends with the plane.
    """
    shape = (int(classes.shape[0]), int(classes.shape[1]))
    reach = [min(_FIRST_LOOK_PX, look_px)] * 4
    while True:
        area = _grown(block, reach, shape)
        mask = np.asarray(classes[area]) == value
        inner = _within(block, area)
        if mask.shape == shape:
            return BlockView(shape, block, area, mask, mask)
        pieces, count = ndimage.label(mask, EIGHT)
        chosen = _named(pieces[inner], count)
        beyond = [_named(edge, count) & chosen for edge in _edges(pieces, area, shape)]
        open_ = [bool(names.any()) for names in beyond]
        further = [min(2 * r, look_px) if o else r for r, o in zip(reach, open_, strict=True)]
        if further == reach:
            in_part = np.logical_or.reduce(beyond)
            cut = in_part[pieces] if in_part.any() else None
            return BlockView(shape, block, area, mask, chosen[pieces], cut)
        reach = further


def _grown(block: Area, reach: list[int], shape: tuple[int, int]) -> Area:
    top, bottom, left, right = reach
    rows, columns = block
    return (
        slice(max(0, rows.start - top), min(shape[0], rows.stop + bottom)),
        slice(max(0, columns.start - left), min(shape[1], columns.stop + right)),
    )


def _edges(
    pieces: NDArray[np.integer], area: Area, shape: tuple[int, int]
) -> tuple[NDArray[np.integer], ...]:
    """The margins at the top, bottom, left and right; empty where the plane itself ends there."""
    rows, columns = area
    depths = [
        REACH_PX if open_there else 0
        for open_there in (
            rows.start > 0,
            rows.stop < shape[0],
            columns.start > 0,
            columns.stop < shape[1],
        )
    ]
    height, width = pieces.shape
    return (
        pieces[: depths[0]],
        pieces[height - depths[1] :],
        pieces[:, : depths[2]],
        pieces[:, width - depths[3] :],
    )


def _named(part: NDArray[np.integer], count: int) -> NDArray[np.bool_]:
    """For each piece, the background first, whether it occurs in that part."""
    occurs = np.zeros(count + 1, bool)
    occurs[part.reshape(-1)] = True
    occurs[0] = False
    return occurs


def _within(block: Area, area: Area) -> Area:
    rows, columns = (
        slice(b.start - a.start, b.stop - a.start) for b, a in zip(block, area, strict=True)
    )
    return rows, columns
