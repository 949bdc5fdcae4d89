"""The plan of tiles: what to read, and which part of the result to keep.

A plan is pure: it depends on sizes alone. Tiles start at multiples of the network's stride, and
their halo is at least its receptive radius, so that the kept parts equal those of an untiled pass.
"""

from __future__ import annotations

from dataclasses import dataclass


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
    rows = [_cut(start, step, halo, shape[0]) for start in range(0, shape[0], step)]
    columns = [_cut(start, step, halo, shape[1]) for start in range(0, shape[1], step)]
    return tuple(
        Tile(read=(y[0], x[0]), crop=(y[1], x[1]), place=(y[2], x[2]))
        for y in rows
        for x in columns
    )


def _cut(start: int, step: int, halo: int, size: int) -> tuple[slice, slice, slice]:
    stop = min(start + step, size)
    low, high = max(0, start - halo), min(size, stop + halo)
    return slice(low, high), slice(start - low, stop - low), slice(start, stop)
