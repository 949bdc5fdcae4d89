"""One network on one plane: fold it for the metadata once, then run it tile by tile.

A network that looks at the image takes the plane in one pass where it fits, and else passes over
its tiles first, once for each average that it needs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from napari_metaseg.events import CancelToken
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.receptive import halo
from napari_metaseg.networks.stepped import SteppedFold
from napari_metaseg.networks.unet import ConditionedUNet
from napari_metaseg.prediction.averages import (
    Averaging,
    average_in_parts,
    fits_whole,
    sample_tiles,
)
from napari_metaseg.prediction.device import EngineName
from napari_metaseg.prediction.engines.protocol import Loaded
from napari_metaseg.prediction.ready import ReadyNetworks
from napari_metaseg.prediction.request import GatesName
from napari_metaseg.prediction.tile_run import Part, TileRun, too_little_memory
from napari_metaseg.prediction.tiling import Place, Steps, Tile, plan_tiles
from napari_metaseg.prediction.view import PlaneView

_PASS_PX = 512
OnTile = Callable[[int, int], None]


class NetworkRunner:
    """Runs one conditioned network on planes. Not thread-safe.

    `tile_px` is the side of a tile's kept part (None: what suits the engine); memory grows with its
    square, the result does not depend on it. It is halved where a GPU runs out of memory, and
    `shrunk` says so. With fast `gates`, a network that looks at the image averages a sample of a
    plane that it cannot take whole. `averaging` says what was done on the last plane if that is so.
    """

    def __init__(
        self,
        network: ConditionedUNet,
        *,
        device: torch.device,
        dtype: torch.dtype,
        tile_px: int | None = None,
        gates: GatesName = "exact",
        engine: EngineName = "auto",
    ) -> None:
        self.network, self.device, self.dtype, self.tile_px = network, device, dtype, tile_px
        self.gates: GatesName = gates
        self.config: NetworkConfig = network.config
        self.ready = ReadyNetworks(network, device=device, dtype=dtype, engine=engine)
        self.averaging: Averaging | None = None
        self.shrunk = False
        self._for_last: tuple[PlaneView, bytes, Loaded] | None = None

    def probability(
        self,
        view: PlaneView,
        vector: NDArray[np.float32],
        *,
        part: Place | None = None,
        token: CancelToken | None = None,
        on_tile: OnTile | None = None,
    ) -> NDArray[np.float32]:
        """The probability (K, y, x) of a plane, or of a part of it, given encoded metadata (M,).

        Raises `InputError` where the device has too little memory, `Cancelled` on the token.
        """
        height, width = view.raw.shape[1:]
        rows, columns = part or (slice(0, height), slice(0, width))
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        out = np.empty((self.config.out_channels, *shape), np.float32)
        for place, values in self.stream(view, vector, part=part, token=token, on_tile=on_tile):
            if values.shape == out.shape and place == (rows, columns):
                return values
            _put(out, (rows, columns), place, values)
        return out

    def stream(
        self,
        view: PlaneView,
        vector: NDArray[np.float32],
        *,
        part: Place | None = None,
        token: CancelToken | None = None,
        on_tile: OnTile | None = None,
        wanted: Callable[[Place], bool] = lambda place: True,
    ) -> Iterator[Part]:
        """The same in parts that cover the plane (or the part, and a little more) once each.

        What is not `wanted` is left out. Places are those of the view, which may end a little
        beyond the plane. Raises as `probability` does.
        """
        if self._whole(view):
            whole = self._in_one_piece(view, vector, token)
            if whole is not None:
                self.averaging = None
                if on_tile is not None:
                    on_tile(1, 1)
                yield whole
                return
            if not self.config.tiles_exactly:
                raise too_little_memory("this network takes a plane whole, and it does not fit")
        yield from self._in_tiles(view, vector, part, Steps(token, on_tile, 0), wanted)

    def _whole(self, view: PlaneView) -> bool:
        """Whether one pass over the whole plane is exact where tiles are not, or cheaper."""
        if not self.config.tiles_exactly:
            return True
        return self.config.needs_plane and fits_whole(view.shape, self.config)

    def _in_one_piece(
        self, view: PlaneView, vector: NDArray[np.float32], token: CancelToken | None
    ) -> Part | None:
        """The network itself on the whole plane; None where the device's memory is too small."""
        if token is not None:
            token.raise_if_cancelled()
        place = (slice(0, view.shape[0]), slice(0, view.shape[1]))
        tile = Tile(place, place, place)
        network = self.ready.whole(vector, _pixels(view))
        try:
            return place, network.start(view.read(*place), tile.keep)()
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            return None

    def _in_tiles(
        self,
        view: PlaneView,
        vector: NDArray[np.float32],
        part: Place | None,
        steps: Steps,
        wanted: Callable[[Place], bool],
    ) -> Iterator[Part]:
        tiles = self._plan(view, part)
        steps.total += len(tiles)
        network = self._network(view, vector, steps)
        left = [tile for tile in tiles if wanted(tile.place)]
        steps.done += len(tiles) - len(left)
        run = TileRun(view, network, lambda place, side: self._plan(view, place, side), steps)
        # Those that are alike in a row: an engine may be made ready for each kind.
        yield from run.over(sorted(left, key=lambda tile: tile.keep))
        if run.shrunk_to:
            self.tile_px, self.shrunk = run.shrunk_to, True

    def _plan(
        self, view: PlaneView, part: Place | None = None, tile_px: int | None = None
    ) -> tuple[Tile, ...]:
        config = self.config
        return plan_tiles(
            view.shape,
            tile_px=tile_px or self.tile_px or self._suitable_px(view),
            halo=halo(config),
            stride=config.stride,
            part=part,
        )

    def _suitable_px(self, view: PlaneView) -> int:
        """The side of tiles that suits the engine and the width of the network."""
        engine, width = self.ready.engine_for(_pixels(view)), self.config.width
        whole = engine.whole_px(width)
        return whole if max(view.shape) <= whole else engine.tile_px(width)

    def _network(self, view: PlaneView, vector: NDArray[np.float32], steps: Steps) -> Loaded:
        """The plain network for this metadata and, where it looks at the image, this plane."""
        if not self.config.needs_plane:
            self.averaging = None
            return self.ready.plain(vector, _pixels(view))
        key = vector.tobytes()
        if self._for_last is None or self._for_last[0] is not view or self._for_last[1] != key:
            self._for_last = view, key, self._for_plane(view, vector, steps)
        return self._for_last[2]

    def _for_plane(self, view: PlaneView, vector: NDArray[np.float32], steps: Steps) -> Loaded:
        """The plain network after one pass over the plane for each average that is needed."""
        large = not fits_whole(view.shape, self.config)
        sampled = large and self.gates == "fast"
        # No engine but PyTorch stops in the middle of a network; it likes small tiles.
        tiles = self._plan(view, tile_px=min(_PASS_PX, self.tile_px or _PASS_PX))
        seen = sample_tiles(view.shape, self.config) if sampled else tiles
        network = copy.deepcopy(self.network).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        stepped = SteppedFold(network, torch.from_numpy(vector).to(self.device))
        passes = stepped.left
        steps.total += passes * len(seen)
        difference = average_in_parts(
            stepped,
            lambda: steps.over(seen),
            lambda tile: stepped.features(_channels_last(view.read(*tile.read), self.device)),
        )
        self.averaging = Averaging(passes, sampled, difference) if large else None
        return self.ready.of_plane(stepped.folded().cpu(), _pixels(view))


def _put(
    out: NDArray[np.float32], wanted: Place, place: Place, values: NDArray[np.float32]
) -> None:
    """Write what of `values`, which stand at `place`, lies in the `wanted` part."""
    to, of = [], []
    for want, have in zip(wanted, place, strict=True):
        first, last = max(want.start, have.start), min(want.stop, have.stop)
        to.append(slice(first - want.start, last - want.start))
        of.append(slice(first - have.start, last - have.start))
    out[:, to[0], to[1]] = values[:, of[0], of[1]]


def _channels_last(pixels: NDArray[np.float32], device: torch.device) -> torch.Tensor:
    return torch.from_numpy(pixels)[None].to(device, memory_format=torch.channels_last)


def _pixels(view: PlaneView) -> int:
    return view.shape[0] * view.shape[1]
