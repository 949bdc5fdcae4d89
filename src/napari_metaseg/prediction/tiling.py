"""The plan of tiles: what to read, and which part of the result to keep.

A plan is pure: it depends on sizes alone. Tiles start at multiples of the network's stride, and
their halo is at least its receptive radius, so that the kept parts equal those of an untiled pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from napari_metaseg.events import CancelToken


@dataclass(frozen=True)
class Tile:
    """One tile: `read` is cut from the plane, `crop` (within it) is kept and stands at `place`."""

    read: tuple[slice, slice]
    crop: tuple[slice, slice]
    place: tuple[slice, slice]


def padded_shape(shape: tuple[int, int], stride: int) -> tuple[int, int]:
    """The (Y, X) shape rounded up to multiples of `stride`."""
    return (-(-shape[0] // stride) * stride, -(-shape[1] // stride) * stride)


def plan_tiles(shape: tuple[int, int], *, tile_px: int, halo: int, stride: int) -> tuple[Tile, ...]:
    """Tiles over a plane of `shape` (Y, X; multiples of `stride`), kept parts side by side.

    `tile_px` is the side of the kept part, rounded down to a multiple of `stride` (at least one);
    `halo` must be a multiple of `stride`. Towards the plane's own border there is no halo.
    """
    step = max(tile_px // stride, 1) * stride
    starts = product(range(0, shape[0], step), range(0, shape[1], step))
    return tuple(tile_at(start, step, halo, shape) for start in starts)


def tile_at(start: tuple[int, int], side: int, halo: int, shape: tuple[int, int]) -> Tile:
    """The tile whose kept part starts at `start` (Y, X) and is `side` px wide, if the plane is.

    All are multiples of the stride, as in `plan_tiles`.
    """
    y, x = (_cut(a, side, halo, size) for a, size in zip(start, shape, strict=True))
    return Tile(read=(y[0], x[0]), crop=(y[1], x[1]), place=(y[2], x[2]))


def _cut(start: int, step: int, halo: int, size: int) -> tuple[slice, slice, slice]:
    stop = min(start + step, size)
    low, high = max(0, start - halo), min(size, stop + halo)
    return slice(low, high), slice(start - low, stop - low), slice(start, stop)


@dataclass
class Steps:
    """Counts tiles over all passes for the caller, and stops between two of them on the token."""

    token: CancelToken | None
    on_tile: Callable[[int, int], None] | None
    total: int
    done: int = 0

    def over(self, tiles: Iterable[Tile]) -> Iterator[Tile]:
        """The tiles one by one; each counts as done when the next is asked for."""
        for tile in tiles:
            if self.token is not None:
                self.token.raise_if_cancelled()
            yield tile
            self.done += 1
            if self.on_tile is not None:
                self.on_tile(self.done, self.total)
