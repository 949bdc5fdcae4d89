"""One network on one plane: fold it for the metadata once, then run it tile by tile."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.fold import fold
from napari_metaseg.networks.receptive import halo
from napari_metaseg.networks.unet import ConditionedUNet
from napari_metaseg.prediction.gate_plane import LARGEST_WHOLE_PX, thinned
from napari_metaseg.prediction.tiling import padded_shape, plan_tiles

_FOLDED_KEPT = 16
_SMALLEST_TILE_PX = 64

OnTile = Callable[[int, int], None]


class NetworkRunner:
    """Runs one conditioned network on planes. Not thread-safe.

    `tile_px` is the side of a tile's kept part; memory grows with its square, the result does not
    depend on it. It is halved where a GPU runs out of memory.
    """

    def __init__(
        self, network: ConditionedUNet, *, device: torch.device, dtype: torch.dtype, tile_px: int
    ) -> None:
        self.network, self.device, self.dtype, self.tile_px = network, device, dtype, tile_px
        self.config: NetworkConfig = network.config
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
        plane = _pad(image, padded_shape((height, width), self.config.stride))
        out = self._in_one_piece(plane, vector, token) if self._whole(plane) else None
        if out is not None:
            if on_tile is not None:
                on_tile(1, 1)
        elif not self.config.tiles_exactly:
            raise _too_little_memory("this network takes a plane whole, and it does not fit")
        else:
            out = self._in_tiles_that_fit(self._for(vector, plane), plane, token, on_tile)
        return np.ascontiguousarray(out[:, :height, :width])

    def _whole(self, plane: NDArray[np.float32]) -> bool:
        """Whether one pass over the whole plane is exact where tiles are not, or cheaper."""
        if not self.config.tiles_exactly:
            return True
        fits = max(plane.shape[-2:]) <= LARGEST_WHOLE_PX
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
            network = copy.deepcopy(self.network).eval().requires_grad_(False)
            self._unfolded = network.to(  # type: ignore[call-overload]
                self.device, self.dtype, memory_format=torch.channels_last
            )
        return self._unfolded

    def _in_tiles_that_fit(
        self,
        network: nn.Module,
        plane: NDArray[np.float32],
        token: CancelToken | None,
        on_tile: OnTile | None,
    ) -> NDArray[np.float32]:
        """The plane tile by tile; where the device's memory is too small, in smaller tiles."""
        while True:
            try:
                return self._in_tiles(network, plane, token, on_tile)
            except torch.cuda.OutOfMemoryError:
                if self.tile_px <= _SMALLEST_TILE_PX:
                    text = f"even tiles of {self.tile_px} px do not fit"
                    raise _too_little_memory(text) from None
                self.tile_px //= 2
                torch.cuda.empty_cache()

    def _in_tiles(
        self,
        network: nn.Module,
        plane: NDArray[np.float32],
        token: CancelToken | None,
        on_tile: OnTile | None,
    ) -> NDArray[np.float32]:
        config = self.config
        shape = (plane.shape[1], plane.shape[2])
        tiles = plan_tiles(shape, tile_px=self.tile_px, halo=halo(config), stride=config.stride)
        out = np.empty((config.out_channels, *shape), np.float32)
        for done, tile in enumerate(tiles, start=1):
            if token is not None:
                token.raise_if_cancelled()
            result = self._run(network, plane, tile.read)
            out[(slice(None), *tile.place)] = result[(slice(None), *tile.crop)]
            if on_tile is not None:
                on_tile(done, len(tiles))
        return out

    def _run(
        self,
        network: Callable[[Tensor], Tensor],
        plane: NDArray[np.float32],
        read: tuple[slice, slice],
    ) -> NDArray[np.float32]:
        x = self._tensor(np.ascontiguousarray(plane[(slice(None), *read)]))
        with torch.inference_mode():
            logits: Tensor = network(x).float()
            binary = logits.shape[1] == 1
            result = logits.sigmoid() if binary else logits.softmax(dim=1)
        array: NDArray[np.float32] = result[0].cpu().numpy()
        return array

    def _tensor(self, plane: NDArray[np.float32]) -> Tensor:
        x = torch.from_numpy(plane)[None]
        return x.to(self.device, self.dtype, memory_format=torch.channels_last)

    def _for(self, vector: NDArray[np.float32], plane: NDArray[np.float32]) -> nn.Module:
        """The plain network for this metadata, from the cache where nothing else matters."""
        reads_image = self.config.needs_plane
        key = vector.tobytes()
        if not reads_image and key in self._folded:
            self._folded.move_to_end(key)
            return self._folded[key]
        gate_plane = torch.from_numpy(thinned(plane))[None] if reads_image else None
        folded = fold(self.network, torch.from_numpy(vector), plane=gate_plane)
        folded = folded.to(self.device, self.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if not reads_image:
            self._folded[key] = folded
            if len(self._folded) > _FOLDED_KEPT:
                self._folded.popitem(last=False)
        return folded


def _too_little_memory(got: str) -> InputError:
    way_out = "Close other programs, or use --device cpu"
    return InputError("the device has too little memory", got=got, way_out=way_out)


def _pad(plane: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    missing = [(0, want - have) for want, have in zip(shape, plane.shape[-2:], strict=True)]
    return (
        np.pad(plane, [(0, 0), *missing], mode="symmetric") if any(m[1] for m in missing) else plane
    )
