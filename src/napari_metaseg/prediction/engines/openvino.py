"""The engine for Intel and AMD processors of the extra `fast`: OpenVINO.

It keeps the memory for all features of a tile from one tile to the next, where PyTorch asks the
system for it anew, page by page, and it puts more operations into one pass.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_metaseg.networks.fold import FoldedUNet
from napari_metaseg.networks.lean import LeanUNet, Window, lean
from napari_metaseg.prediction.device import EngineName
from napari_metaseg.prediction.engines.openvino_graph import graph_of
from napari_metaseg.prediction.engines.protocol import Finish
from napari_metaseg.prediction.engines.pytorch import probability_of

_PRECISIONS = {torch.float32: "f32", torch.bfloat16: "bf16"}


def is_installed() -> bool:
    """Whether the library is there; it is not imported for that."""
    return find_spec("openvino") is not None


class OpenVinoEngine:
    """Runs networks on the CPU with as many threads as PyTorch may use.

    The network's upsampling must double pixels (`lean`).
    """

    name: EngineName = "openvino"

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def tile_px(self, width: int) -> int:
        """See `Engine`: tiles for which about 0.5 GB are enough, in fp32."""
        return round(1536 * _smaller(width))

    def whole_px(self, width: int) -> int:
        """See `Engine`: for a single tile, which needs no halo, 0.7 GB."""
        return round(2048 * _smaller(width))

    def load(self, network: FoldedUNet) -> OpenVinoNetwork:
        """Rearrange the network; a graph is made when the size of its tiles is known."""
        rearranged = lean(network)
        assert rearranged is not None
        return OpenVinoNetwork(rearranged, _PRECISIONS[self.dtype])


class OpenVinoNetwork:
    """One network; it holds the graph, and the memory, for the last kind of tile alone."""

    def __init__(self, network: LeanUNet, precision: str) -> None:
        self._network, self._precision = network, precision
        self._kind: object = None
        self._request: Any = None

    def start(self, tile: NDArray[np.float32], keep: Window) -> Finish:
        """See `Loaded`. All is done when this returns."""
        kind = (tile.shape, keep, torch.get_num_threads())
        if kind != self._kind:
            self._kind = self._request = None  # The old memory goes before the new is asked for.
            self._request, self._kind = self._compiled(tile.shape, keep), kind
        outputs = self._request.infer([np.ascontiguousarray(tile)[None]], share_inputs=True)
        logits = torch.from_numpy(np.array(outputs[0]))
        probability: NDArray[np.float32] = probability_of(logits)[0].numpy()
        return lambda: probability

    def _compiled(self, shape: tuple[int, ...], keep: Window) -> Any:
        channels, height, width = shape
        graph = graph_of(self._network, (channels, height, width), keep)
        options = {
            "INFERENCE_PRECISION_HINT": self._precision,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        return _core().compile_model(graph, "CPU", options).create_infer_request()


def _smaller(width: int) -> float:
    """The side that takes as much memory as one does at a width of 16."""
    return (16 / max(width, 16)) ** 0.5


@cache
def _core() -> Any:
    from openvino import Core  # type: ignore[import-untyped]

    return Core()
