"""One network on one plane: fold it for the metadata once, then run it tile by tile.

A network that looks at the image takes the plane in one pass where it fits, and else passes over
its tiles first, once for each average that it needs.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.fold import fold
from napari_metaseg.networks.receptive import halo
from napari_metaseg.networks.stepped import SteppedFold
from napari_metaseg.networks.unet import ConditionedUNet
from napari_metaseg.prediction.averages import (
    Averaging,
    average_in_parts,
    fits_whole,
    sample_tiles,
)
from napari_metaseg.prediction.request import GatesName
from napari_metaseg.prediction.tiling import Steps, Tile, padded_shape, plan_tiles

_FOLDED_KEPT = 16
_SMALLEST_TILE_PX = 64

OnTile = Callable[[int, int], None]


class NetworkRunner:
    """Runs one conditioned network on planes. Not thread-safe.

    `tile_px` is the side of a tile's kept part; memory grows with its square, the result does not
    depend on it. It is halved where a GPU runs out of memory. With fast `gates`, a network that
    looks at the image averages a sample of a plane that it cannot take whole. `averaging` says what
    was done on the last plane if that is so.
    """

    def __init__(
        self,
        network: ConditionedUNet,
        *,
        device: torch.device,
        dtype: torch.dtype,
        tile_px: int,
        gates: GatesName = "exact",
    ) -> None:
        self.network, self.device, self.dtype, self.tile_px = network, device, dtype, tile_px
        self.gates: GatesName = gates
        self.config: NetworkConfig = network.config
        self.averaging: Averaging | None = None
        self._folded: OrderedDict[bytes, nn.Module] = OrderedDict()
        self._unfolded: nn.Module | None = None

    def probability(
        self,
        image: NDArray[np.float32],
        vector: NDArray[np.float32],
        *,
        token: CancelToken | None = None,
        on_tile: OnTile | None = None,
    ) -> NDArray[np.float32]:
        """The probability (K, Y, X) of a normalised plane (C, Y, X), given encoded metadata (M,).

        Raises `InputError` where the device has too little memory, `Cancelled` on the token.
        """
        height, width = image.shape[-2:]
        self.averaging = None
        plane = _pad(image, padded_shape((height, width), self.config.stride))
        out = self._in_one_piece(plane, vector, token) if self._whole(plane) else None
        if out is not None:
            if on_tile is not None:
                on_tile(1, 1)
        elif not self.config.tiles_exactly:
            raise _too_little_memory("this network takes a plane whole, and it does not fit")
        else:
            out = self._in_tiles_that_fit(plane, vector, token, on_tile)
        return np.ascontiguousarray(out[:, :height, :width])

    def _whole(self, plane: NDArray[np.float32]) -> bool:
        """Whether one pass over the whole plane is exact where tiles are not, or cheaper."""
        if not self.config.tiles_exactly:
            return True
        fits = fits_whole(plane.shape[-2:], self.config)
        return self.config.needs_plane and fits and self.dtype == torch.float32

    def _in_one_piece(
        self, plane: NDArray[np.float32], vector: NDArray[np.float32], token: CancelToken | None
    ) -> NDArray[np.float32] | None:
        """The network itself on the whole plane; None where the device's memory is too small."""
        if token is not None:
            token.raise_if_cancelled()
        m = torch.from_numpy(vector)[None].to(self.device, self.dtype)
        network = self._whole_network()
        try:
            return self._run(lambda x: network(x, m), plane, (slice(None), slice(None)))
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            return None

    def _whole_network(self) -> nn.Module:
        """The conditioned network on the device, made once."""
        if self._unfolded is None:
            self._unfolded = self._on_device(
                copy.deepcopy(self.network).eval().requires_grad_(False)
            )
        return self._unfolded

    def _in_tiles_that_fit(
        self,
        plane: NDArray[np.float32],
        vector: NDArray[np.float32],
        token: CancelToken | None,
        on_tile: OnTile | None,
    ) -> NDArray[np.float32]:
        """The plane tile by tile; where the device's memory is too small, in smaller tiles."""
        while True:
            try:
                return self._in_tiles(plane, vector, token, on_tile)
            except torch.cuda.OutOfMemoryError:
                if self.tile_px <= _SMALLEST_TILE_PX:
                    text = f"even tiles of {self.tile_px} px do not fit"
                    raise _too_little_memory(text) from None
                self.tile_px //= 2
                torch.cuda.empty_cache()

    def _in_tiles(
        self,
        plane: NDArray[np.float32],
        vector: NDArray[np.float32],
        token: CancelToken | None,
        on_tile: OnTile | None,
    ) -> NDArray[np.float32]:
        config = self.config
        shape = (plane.shape[1], plane.shape[2])
        tiles = plan_tiles(shape, tile_px=self.tile_px, halo=halo(config), stride=config.stride)
        steps = Steps(token, on_tile, len(tiles))
        network = self._for_plane(plane, vector, tiles, steps)
        out = np.empty((config.out_channels, *shape), np.float32)
        for tile in steps.over(tiles):
            result = self._run(network, plane, tile.read)
            out[(slice(None), *tile.place)] = result[(slice(None), *tile.crop)]
        return out

    def _for_plane(
        self,
        plane: NDArray[np.float32],
        vector: NDArray[np.float32],
        tiles: Sequence[Tile],
        steps: Steps,
    ) -> nn.Module:
        """The plain network for this metadata and, where it looks at the image, this plane."""
        if not self.config.needs_plane:
            return self._for(vector)
        shape = (plane.shape[1], plane.shape[2])
        large = not fits_whole(shape, self.config)
        sampled = large and self.gates == "fast"
        seen = sample_tiles(shape, self.config) if sampled else tiles
        network = copy.deepcopy(self.network).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        stepped = SteppedFold(network, torch.from_numpy(vector).to(self.device))
        passes = stepped.left
        steps.total += passes * len(seen)
        difference = average_in_parts(
            stepped,
            lambda: steps.over(seen),
            lambda tile: stepped.features(self._cut(plane, tile.read, torch.float32)),
        )
        self.averaging = Averaging(passes, sampled, difference) if large else None
        return self._on_device(stepped.folded())

    def _run(
        self,
        network: Callable[[Tensor], Tensor],
        plane: NDArray[np.float32],
        read: tuple[slice, slice],
    ) -> NDArray[np.float32]:
        x = self._cut(plane, read, self.dtype)
        with torch.inference_mode():
            logits: Tensor = network(x).float()
            binary = logits.shape[1] == 1
            result = logits.sigmoid() if binary else logits.softmax(dim=1)
        array: NDArray[np.float32] = result[0].cpu().numpy()
        return array

    def _cut(
        self, plane: NDArray[np.float32], read: tuple[slice, slice], dtype: torch.dtype
    ) -> Tensor:
        """A part of the plane on the device, (1, C, Y, X)."""
        x = torch.from_numpy(np.ascontiguousarray(plane[(slice(None), *read)]))[None]
        return x.to(self.device, dtype, memory_format=torch.channels_last)

    def _for(self, vector: NDArray[np.float32]) -> nn.Module:
        """The plain network for this metadata, from the cache where it was used before."""
        key = vector.tobytes()
        if key not in self._folded:
            self._folded[key] = self._on_device(fold(self.network, torch.from_numpy(vector)))
            if len(self._folded) > _FOLDED_KEPT:
                self._folded.popitem(last=False)
        self._folded.move_to_end(key)
        return self._folded[key]

    def _on_device(self, network: nn.Module) -> nn.Module:
        moved: nn.Module = network.to(  # type: ignore[call-overload]
            self.device, self.dtype, memory_format=torch.channels_last
        )
        return moved


def _too_little_memory(got: str) -> InputError:
    way_out = "Close other programs, or use --device cpu"
    return InputError("the device has too little memory", got=got, way_out=way_out)


def _pad(plane: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    missing = [(0, want - have) for want, have in zip(shape, plane.shape[-2:], strict=True)]
    return (
        np.pad(plane, [(0, 0), *missing], mode="symmetric") if any(m[1] for m in missing) else plane
    )
