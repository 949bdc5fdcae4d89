"""The engine that is always there: PyTorch on the CPU or a GPU."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_metaseg.networks.fold import FoldedUNet
from napari_metaseg.networks.lean import LeanUNet, Window, lean
from napari_metaseg.prediction.device import EngineName
from napari_metaseg.prediction.engines.protocol import Finish


class TorchEngine:
    """Runs networks with PyTorch, channels last."""

    name: EngineName = "torch"

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype

    def tile_px(self, width: int) -> int:
        """See `Engine`. On a CPU, larger features would be new memory each time, page by page."""
        return 512 if self.device.type == "cpu" else 2048

    def whole_px(self, width: int) -> int:
        """See `Engine`."""
        return self.tile_px(width)

    def load(self, network: FoldedUNet) -> TorchNetwork:
        """Rearrange the network where that spares work, and move it to the device."""
        return self.hold(lean(network) or network)

    def hold(self, network: nn.Module) -> TorchNetwork:
        """Move a network as it is; it is called with the tile alone, or with what to keep, too."""
        moved: nn.Module = network.to(  # type: ignore[call-overload]
            self.device, self.dtype, memory_format=torch.channels_last
        )
        return TorchNetwork(moved, self.device, self.dtype)


class TorchNetwork:
    """One network on a device."""

    def __init__(self, network: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        self._run: Callable[[Tensor, Window], Tensor] = (
            network if isinstance(network, LeanUNet) else lambda x, keep: keep.of(network(x))
        )

    @torch.inference_mode()
    def start(self, tile: NDArray[np.float32], keep: Window) -> Finish:
        """See `Loaded`. On a CPU all is done when this returns."""
        probability = probability_of(self._run(self.moved(tile), keep).float())[0]
        return arriving(probability)

    def moved(self, tile: NDArray[np.float32]) -> Tensor:
        """The tile on the device, (1, C, Y, X)."""
        x = torch.from_numpy(np.ascontiguousarray(tile))[None]
        if self.device.type == "cuda":
            x = x.pin_memory()
        return x.to(self.device, self.dtype, non_blocking=True, memory_format=torch.channels_last)


def probability_of(logits: Tensor) -> Tensor:
    """A sigmoid of one output, a softmax over several, (N, K, Y, X)."""
    return logits.sigmoid_() if logits.shape[1] == 1 else logits.softmax(dim=1)


def arriving(result: Tensor) -> Finish:
    """A call that waits for a result on its way to the CPU."""
    if result.device.type != "cuda":
        return lambda: np.ascontiguousarray(result.cpu().numpy())
    here = torch.empty(result.shape, dtype=result.dtype, pin_memory=True)
    here.copy_(result, non_blocking=True)
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record()

    def finish() -> NDArray[np.float32]:
        event.synchronize()
        array: NDArray[np.float32] = here.numpy()
        return array

    return finish
