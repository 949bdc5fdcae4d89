"""One network's plain forms, folded and handed to an engine: each is made once and then kept."""

from __future__ import annotations

import copy
from collections import OrderedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_metaseg.networks.fold import FoldedUNet, fold, fold_around_gates
from napari_metaseg.networks.unet import ConditionedUNet
from napari_metaseg.prediction.device import EngineName
from napari_metaseg.prediction.engines.choice import engine_for
from napari_metaseg.prediction.engines.protocol import Engine, Loaded
from napari_metaseg.prediction.engines.pytorch import TorchEngine

_KEPT = 16
"""Conditions whose networks stay ready."""
_LARGE_PX = 2**20
"""Pixels from which an engine that is made ready for each size of tile is worth that."""


class ReadyNetworks:
    """A conditioned network as plain ones, one a condition. Not thread-safe.

    With the `engine` auto, the faster one runs large planes, and PyTorch small ones: being made
    ready for them would take longer than they do. Raises as `engine_for` does, at the first use.
    """

    def __init__(
        self,
        network: ConditionedUNet,
        *,
        device: torch.device,
        dtype: torch.dtype,
        engine: EngineName,
    ) -> None:
        self.network, self.engine = network, engine
        self.torch = TorchEngine(device, dtype)
        self._loaded: OrderedDict[tuple[bytes, str], Loaded] = OrderedDict()
        self._fast: Engine | None = None

    def plain(self, vector: NDArray[np.float32], pixels: int) -> Loaded:
        """The plain network for metadata (M,), for planes of so many pixels."""
        engine = self.engine_for(pixels)
        key = (vector.tobytes(), engine.name)
        if key not in self._loaded:
            self._loaded[key] = engine.load(fold(self.network, torch.from_numpy(vector)))
        return self._recent(key)

    def of_plane(self, folded: FoldedUNet, pixels: int) -> Loaded:
        """A plain network that was folded for one plane of so many pixels; it is not kept."""
        return self.engine_for(pixels).load(folded)

    def whole(self, vector: NDArray[np.float32], pixels: int) -> Loaded:
        """The network for metadata (M,) and planes of so many pixels that it takes whole."""
        engine = self.engine_for(pixels)
        key = (vector.tobytes(), f"{engine.name}, whole")
        if key not in self._loaded:
            m = torch.from_numpy(vector)
            folded = fold_around_gates(self.network, m)
            self._loaded[key] = (
                self.torch.hold(_WithMetadata(self.network, m))
                if folded is None or not self.network.config.tiles_exactly
                else engine.load(folded)
            )
        return self._recent(key)

    def engine_for(self, pixels: int) -> Engine:
        """The engine that runs planes of so many pixels."""
        if self.engine == "torch" or (self.engine == "auto" and pixels < _LARGE_PX):
            return self.torch
        if self._fast is None:
            torch_, config = self.torch, self.network.config
            self._fast = engine_for(self.engine, config, torch_.device, torch_.dtype)
        return self._fast

    def _recent(self, key: tuple[bytes, str]) -> Loaded:
        """One that is kept, and the last to be dropped now."""
        self._loaded.move_to_end(key)
        while len(self._loaded) > _KEPT:
            self._loaded.popitem(last=False)
        return self._loaded[key]


class _WithMetadata(nn.Module):
    """A conditioned network whose metadata stand."""

    m: Tensor

    def __init__(self, network: ConditionedUNet, m: Tensor) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.register_buffer("m", m[None])

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, K, Y, X) for an image (N, C, Y, X)."""
        logits: Tensor = self.network(x, self.m)
        return logits
