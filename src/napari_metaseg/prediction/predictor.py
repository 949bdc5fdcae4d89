"""The predictor: fold the network for a plane's metadata once, then run it tile by tile."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.datasets.normalise import normalise
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken
from napari_metaseg.networks.fold import fold
from napari_metaseg.networks.receptive import halo
from napari_metaseg.packages.package import ModelPackage
from napari_metaseg.prediction.device import resolve_device, resolve_precision
from napari_metaseg.prediction.gate_plane import LARGEST_WHOLE_PX, thinned
from napari_metaseg.prediction.instances import classes_from_probability, instances_from_classes
from napari_metaseg.prediction.tiling import padded_shape, plan_tiles

_FOLDED_KEPT = 16
_SMALLEST_TILE_PX = 64


@dataclass(frozen=True)
class PlanePrediction:
    """The result for one plane.

    `probability` is (1, Y, X) for one class, else (K + 1, Y, X) with the background first;
    `classes` (Y, X) and `labels` (Y, X, objects from 1) follow from it; `notices` are plain
    sentences on metadata that the model did not see in training.
    """

    probability: NDArray[np.float32]
    classes: NDArray[np.uint8]
    labels: NDArray[np.int32]
    notices: tuple[str, ...]


class Predictor:
    """Predicts planes with one package. Not thread-safe: one predictor a thread.

    `tile_px` is the side of a tile's kept part; memory grows with its square, the result does not
    depend on it. It is halved where a GPU runs out of memory. Raises `InputError` for an
    unknown device or precision.
    """

    def __init__(
        self,
        package: ModelPackage,
        *,
        device: str = "auto",
        precision: str = "auto",
        tile_px: int = 512,
    ) -> None:
        self.package = package
        self.device = resolve_device(device)
        self.dtype = resolve_precision(precision, self.device)
        self.tile_px = tile_px
        self._folded: OrderedDict[bytes, nn.Module] = OrderedDict()
        self._unfolded: nn.Module | None = None

    def predict_plane(
        self,
        image: NDArray[np.generic],
        condition: Condition,
        *,
        token: CancelToken | None = None,
        on_tile: Callable[[int, int], None] | None = None,
        threshold: float = 0.5,
    ) -> PlanePrediction:
        """Predict one plane of raw intensities (C, Y, X).

        `on_tile(done, total)` is called after every tile. Raises `InputError` for a wrong number of
        channels or pixels that are not numbers, `Cancelled` within one tile of the token.
        """
        probability = self.probability(image, condition, token=token, on_tile=on_tile)
        classes = classes_from_probability(probability, threshold)
        return PlanePrediction(
            probability=probability,
            classes=classes,
            labels=instances_from_classes(classes),
            notices=(
                *self.package.manifest.metadata_schema.notices(condition),
                *self._size_notices(image),
            ),
        )

    def _size_notices(self, image: NDArray[np.generic]) -> tuple[str, ...]:
        """What is approximate about a plane of this size."""
        method = METHODS[self.package.manifest.network.method]
        if not method.reads_image or max(image.shape[-2:]) <= LARGEST_WHOLE_PX:
            return ()
        return (f"{method.label} took its averages from a part of this large image",)

    def probability(
        self,
        image: NDArray[np.generic],
        condition: Condition,
        *,
        token: CancelToken | None = None,
        on_tile: Callable[[int, int], None] | None = None,
    ) -> NDArray[np.float32]:
        """The probability alone, as in `predict_plane`."""
        self._check_channels(image)
        config = self.package.manifest.network
        height, width = image.shape[-2:]
        plane = _pad(normalise(image), padded_shape((height, width), config.stride))
        out = self._in_one_piece(condition, plane, token) if self._pools_all_of(plane) else None
        if out is None:
            network = self._network(condition, plane)
            out = self._in_tiles_that_fit(network, plane, token, on_tile)
        elif on_tile is not None:
            on_tile(1, 1)
        return np.ascontiguousarray(out[:, :height, :width])

    def _pools_all_of(self, plane: NDArray[np.float32]) -> bool:
        """Whether the gates take one pass over the whole plane, which then gives the result too."""
        reads_image = METHODS[self.package.manifest.network.method].reads_image
        fits = max(plane.shape[-2:]) <= LARGEST_WHOLE_PX
        return reads_image and fits and self.dtype == torch.float32

    def _in_one_piece(
        self, condition: Condition, plane: NDArray[np.float32], token: CancelToken | None
    ) -> NDArray[np.float32] | None:
        """The network itself on the whole plane; None where the device's memory is too small."""
        if token is not None:
            token.raise_if_cancelled()
        vector = torch.from_numpy(self.package.manifest.metadata_schema.encode(condition))
        m = vector[None].to(self.device)
        network = self._whole_network()
        try:
            return self._run(lambda x: network(x, m), plane, (slice(None), slice(None)))
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            return None

    def _whole_network(self) -> nn.Module:
        """The conditioned network on the device, made once."""
        if self._unfolded is None:
            network = copy.deepcopy(self.package.network).eval().requires_grad_(False)
            self._unfolded = network.to(  # type: ignore[call-overload]
                self.device, memory_format=torch.channels_last
            )
        return self._unfolded

    def _in_tiles_that_fit(
        self,
        network: nn.Module,
        plane: NDArray[np.float32],
        token: CancelToken | None,
        on_tile: Callable[[int, int], None] | None,
    ) -> NDArray[np.float32]:
        """The plane tile by tile; where the device's memory is too small, in smaller tiles."""
        while True:
            try:
                return self._in_tiles(network, plane, token, on_tile)
            except torch.cuda.OutOfMemoryError:
                if self.tile_px <= _SMALLEST_TILE_PX:
                    raise InputError(
                        "the device has too little memory",
                        got=f"even tiles of {self.tile_px} px do not fit",
                        way_out="Close other programs, or use --device cpu",
                    ) from None
                self.tile_px //= 2
                torch.cuda.empty_cache()

    def _in_tiles(
        self,
        network: nn.Module,
        plane: NDArray[np.float32],
        token: CancelToken | None,
        on_tile: Callable[[int, int], None] | None,
    ) -> NDArray[np.float32]:
        config = self.package.manifest.network
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

    def _network(self, condition: Condition, plane: NDArray[np.float32]) -> nn.Module:
        """The plain network for this condition, from the cache where it depends on nothing else."""
        manifest = self.package.manifest
        vector = manifest.metadata_schema.encode(condition)
        reads_image = METHODS[manifest.network.method].reads_image
        key = vector.tobytes()
        if not reads_image and key in self._folded:
            self._folded.move_to_end(key)
            return self._folded[key]
        gate_plane = torch.from_numpy(thinned(plane))[None] if reads_image else None
        folded = fold(self.package.network, torch.from_numpy(vector), plane=gate_plane)
        folded = folded.to(self.device, self.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if not reads_image:
            self._folded[key] = folded
            if len(self._folded) > _FOLDED_KEPT:
                self._folded.popitem(last=False)
        return folded

    def _check_channels(self, image: NDArray[np.generic]) -> None:
        wanted = self.package.manifest.input_channels
        if image.ndim != 3 or image.shape[0] != wanted:
            raise InputError(
                f"the model {self.package.manifest.name} takes {wanted} channel(s)",
                got=f"an array of shape {image.shape}, axes (C, Y, X)",
                way_out="Choose the channels to use, or a model trained for them",
            )


def _pad(plane: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    missing = [(0, want - have) for want, have in zip(shape, plane.shape[-2:], strict=True)]
    return (
        np.pad(plane, [(0, 0), *missing], mode="symmetric") if any(m[1] for m in missing) else plane
    )
