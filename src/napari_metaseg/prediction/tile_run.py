"""Tiles through an engine: the next is read, and begun, while the last one runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray

from napari_metaseg.errors import InputError
from napari_metaseg.prediction.engines.protocol import Finish, Loaded
from napari_metaseg.prediction.tiling import Place, Steps, Tile
from napari_metaseg.prediction.view import PlaneView

_SMALLEST_TILE_PX = 64

Part = tuple[Place, NDArray[np.float32]]
"""Where a part of the probability (K, y, x) stands, and it."""


class TileRun:
    """Runs tiles of a view with one network.

    Where the device has too little memory for a tile, `plan(place, tile_px)` gives smaller ones for
    its place, and `shrunk_to` is their side.
    """

    def __init__(
        self,
        view: PlaneView,
        network: Loaded,
        plan: Callable[[Place, int], tuple[Tile, ...]],
        steps: Steps,
    ) -> None:
        self._view, self._network, self._plan, self._steps = view, network, plan, steps
        self.shrunk_to: int | None = None

    def over(self, tiles: Iterable[Tile]) -> Iterator[Part]:
        """The probability of each tile's kept part, in order.

        Raises `InputError` where even small tiles do not fit, `Cancelled` between two tiles.
        """
        begun: tuple[Tile, Finish] | None = None
        for tile, pixels in _read_ahead(self._view, tiles):
            self._steps.check()
            following = self._start(tile, pixels)
            if begun is not None:
                yield self._finished(*begun)
            begun = None if following is None else (tile, following)
            if following is None:
                yield from self._in_smaller_tiles(tile)
        if begun is not None:
            yield self._finished(*begun)

    def _start(self, tile: Tile, pixels: NDArray[np.float32]) -> Finish | None:
        """Begin with a tile; None where it is too large for the device."""
        try:
            return self._network.start(pixels, tile.keep)
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            return None

    def _in_smaller_tiles(self, tile: Tile) -> Iterator[Part]:
        side = tile.size // 2
        if side < _SMALLEST_TILE_PX:
            raise too_little_memory(f"even tiles of {tile.size} px do not fit")
        self.shrunk_to = min(side, self.shrunk_to or side)
        tiles = self._plan(tile.place, side)
        self._steps.total += len(tiles) - 1
        yield from self.over(tiles)

    def _finished(self, tile: Tile, finish: Finish) -> Part:
        values = finish()
        self._steps.count()
        return tile.place, values


def too_little_memory(got: str) -> InputError:
    """The error of a device that cannot do it."""
    way_out = "Close other programs, or use --device cpu"
    return InputError("the device has too little memory", got=got, way_out=way_out)


def _read_ahead(
    view: PlaneView, tiles: Iterable[Tile]
) -> Iterator[tuple[Tile, NDArray[np.float32]]]:
    """Each tile and its pixels; those of the next one are read meanwhile, in a thread."""
    with ThreadPoolExecutor(1) as reader:
        waiting = None
        for tile in tiles:
            following = tile, reader.submit(view.read, *tile.read)
            if waiting is not None:
                yield waiting[0], waiting[1].result()
            waiting = following
        if waiting is not None:
            yield waiting[0], waiting[1].result()
