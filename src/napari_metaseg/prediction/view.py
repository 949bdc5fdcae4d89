"""What networks see of a plane: any window of it, at their scale, normalised as the whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.datasets.normalise import (
    Levels,
    measure_levels,
    measure_levels_in_blocks,
    stretch,
)
from napari_metaseg.datasets.pixels import Raw
from napari_metaseg.datasets.resize import resize_image, resize_window
from napari_metaseg.prediction.tiling import padded_shape

_BLOCK_PX = 2048


class RawPlane(Protocol):
    """A plane of raw intensities that is read in windows, perhaps from a file."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns."""

    def read(self, rows: slice, columns: slice) -> Raw:
        """The window (C, y, x); both slices have a start and a stop within the plane."""


@dataclass(frozen=True, eq=False)
class ArrayPlane:
    """A plane (C, Y, X) in memory."""

    pixels: Raw

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns."""
        channels, height, width = self.pixels.shape
        return channels, height, width

    def read(self, rows: slice, columns: slice) -> Raw:
        """A view of the window."""
        return self.pixels[:, rows, columns]


@dataclass(frozen=True, eq=False)
class _ResizedPlane:
    """A plane on another grid, of which each window is resized when it is read."""

    raw: RawPlane
    new_shape: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.raw.shape[0], *self.new_shape

    def read(self, rows: slice, columns: slice) -> Raw:
        _, height, width = self.raw.shape
        return resize_window(self.raw.read, (height, width), self.new_shape, rows, columns)


def resized(raw: RawPlane, shape: tuple[int, int]) -> RawPlane:
    """The plane on a (Y, X) grid of another size, see `resize_image`."""
    if raw.shape[1:] == shape:
        return raw
    if isinstance(raw, ArrayPlane):
        return ArrayPlane(resize_image(raw.pixels, shape))
    return _ResizedPlane(raw, shape)


def levels_of(raw: RawPlane) -> Levels:
    """What normalises the plane, measured block by block where it is not in memory.

    Raises `InputError` where a value is not finite.
    """
    if isinstance(raw, ArrayPlane):
        return measure_levels(raw.pixels)
    return measure_levels_in_blocks(lambda: _blocks(raw))


def _blocks(raw: RawPlane) -> Iterator[Raw]:
    _, height, width = raw.shape
    for y, x in product(range(0, height, _BLOCK_PX), range(0, width, _BLOCK_PX)):
        rows, columns = slice(y, min(y + _BLOCK_PX, height)), slice(x, min(x + _BLOCK_PX, width))
        yield raw.read(rows, columns)


@dataclass(frozen=True, eq=False)
class PlaneView:
    """A plane at the networks' scale: `levels` normalise it, and its sides become multiples.

    Where it is not a multiple of `stride`, it is continued as in a mirror, below and to the right.
    """

    raw: RawPlane
    levels: Levels
    stride: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, multiples of the stride."""
        return padded_shape(self.raw.shape[1:], self.stride)

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """A window (C, y, x) as networks take it; a new array."""
        (y, from_rows), (x, from_columns) = (
            _mirrored(along, size)
            for along, size in zip((rows, columns), self.raw.shape[1:], strict=True)
        )
        pixels = stretch(self.raw.read(from_rows, from_columns), self.levels)
        if y is not None:
            pixels = pixels[:, y]
        return pixels if x is None else np.ascontiguousarray(pixels[:, :, x])


def _mirrored(along: slice, size: int) -> tuple[NDArray[np.intp] | None, slice]:
    """What to read of an axis and, where the slice leaves it, which of that stands where."""
    if along.stop <= size:
        return None, along
    places = np.pad(np.arange(size), (0, along.stop - size), mode="symmetric")[along.start :]
    first = int(places.min())
    return places - first, slice(first, int(places.max()) + 1)
