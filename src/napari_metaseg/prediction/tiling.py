"""The plan of tiles: what to read, and which part of the result to keep.

A plan is pure: it depends on sizes alone. Tiles start at multiples of the network's stride, and
their halo is at least its receptive radius, so that the kept parts equal those of an untiled pass.
All tiles of a plan are read in one size, as engines are made ready for a size, and they are as
small as their number allows: no plane ends with a sliver of a tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from napari_metaseg.events import CancelToken
from napari_metaseg.networks.lean import Window

Place = tuple[slice, slice]
"""Rows and columns of a plane."""


@dataclass(frozen=True)
class Tile:
    """One tile: `read` is cut from the plane, `crop` (within it) is kept and stands at `place`."""

    read: Place
    crop: Place
    place: Place

    @property
    def keep(self) -> Window:
        """The kept part as engines take it."""
        rows, columns = ((int(along.start), int(along.stop)) for along in self.crop)
        return Window(rows, columns)

    @property
    def size(self) -> int:
        """The longer side of the kept part."""
        return max(along.stop - along.start for along in self.place)


def padded_shape(shape: tuple[int, int], stride: int) -> tuple[int, int]:
    """The (Y, X) shape rounded up to multiples of `stride`."""
    return (-(-shape[0] // stride) * stride, -(-shape[1] // stride) * stride)


def plan_tiles(
    shape: tuple[int, int], *, tile_px: int, halo: int, stride: int, part: Place | None = None
) -> tuple[Tile, ...]:
    """Tiles over a plane of `shape` (Y, X; multiples of `stride`), kept parts side by side.

    `tile_px` is the longest side of a kept part within the plane, rounded down to a multiple of
    `stride` (at least one); `halo` must be a multiple of `stride`. Towards the plane's own border
    there is no halo. With `part`, the kept parts cover it, and less than a stride around it.
    """
    wanted = part or (slice(0, shape[0]), slice(0, shape[1]))
    step = max(tile_px // stride, 1) * stride
    along = (_along(size, w, step, halo, stride) for size, w in zip(shape, wanted, strict=True))
    return tuple(
        Tile(read=(y[0], x[0]), crop=(y[1], x[1]), place=(y[2], x[2])) for y, x in product(*along)
    )


def tile_at(start: tuple[int, int], side: int, halo: int, shape: tuple[int, int]) -> Tile:
    """The tile whose kept part starts at `start` (Y, X) and is `side` px wide, if the plane is.

    All are multiples of the stride, as in `plan_tiles`.
    """
    y, x = (
        _cut(a, min(a + side, size), max(0, a - halo), min(size, a + side + halo))
        for a, size in zip(start, shape, strict=True)
    )
    return Tile(read=(y[0], x[0]), crop=(y[1], x[1]), place=(y[2], x[2]))


_Cut = tuple[slice, slice, slice]


def _along(size: int, wanted: slice, step: int, halo: int, stride: int) -> list[_Cut]:
    """Read, crop and place of each tile along one axis."""
    first = wanted.start // stride * stride
    last = min(size, -(-wanted.stop // stride) * stride)
    low, high = max(0, first - halo), min(size, last + halo)
    count, side = _fewest(high - low, step + 2 * halo, halo, stride)
    starts = [min(low + i * (side - 2 * halo), high - side) for i in range(count)]
    seams = [low + i * (side - 2 * halo) + halo for i in range(1, count)]
    ends = zip([first, *seams], [*seams, last], strict=True)
    return [_cut(*kept, s, s + side) for s, kept in zip(starts, ends, strict=True)]


def _fewest(extent: int, largest: int, halo: int, stride: int) -> tuple[int, int]:
    """How many tiles of at most the `largest` side cover so much, and the side they then need."""
    if extent <= largest:
        return 1, extent
    count = -(-(extent - 2 * halo) // (largest - 2 * halo))
    side = -(-(extent + 2 * halo * (count - 1)) // count)
    return count, -(-side // stride) * stride


def _cut(start: int, stop: int, low: int, high: int) -> _Cut:
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
            self.check()
            yield tile
            self.count()

    def check(self) -> None:
        """Raise `Cancelled` once a stop was asked for."""
        if self.token is not None:
            self.token.raise_if_cancelled()

    def count(self) -> None:
        """One tile more is done."""
        self.done += 1
        if self.on_tile is not None:
            self.on_tile(self.done, self.total)
