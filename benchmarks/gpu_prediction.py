"""Prediction of a 16k plane on a GPU over the network alone: what reading and fetching add."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.measure import alternate, ratio_case
from benchmarks.models import CONDITION, network, package, schema
from napari_metaseg.networks.fold import fold
from napari_metaseg.networks.lean import Window, lean
from napari_metaseg.prediction.predictor import Predictor

_SIDE, _TILE = 16384, 2048
_HALO = 48


class _Repeated:
    """A large plane whose blocks are all the same; each window is put together when it is read."""

    def __init__(self, side: int) -> None:
        self._block = np.random.default_rng(0).integers(90, 900, (1, _TILE, _TILE), np.uint16)
        self.shape = (1, side, side)

    def read(self, rows: slice, columns: slice) -> NDArray[np.uint16]:
        """The window (1, y, x)."""
        y, x = (np.arange(along.start, along.stop) % _TILE for along in (rows, columns))
        return self._block[:, y[:, None], x[None]]


def predict_vs_network(device: str = "cuda", side: int = _SIDE, repeats: int = 3) -> dict[str, Any]:
    """Seconds of both sides; the value is to be at most 1.2.

    `ours` reads, normalises, sends, computes and fetches all tiles; `bare` is the same network in
    the same precision on as many tiles that lie on the device.
    """
    predictor = Predictor(package("me"), device=device, tile_px=_TILE)
    plane = _Repeated(side)
    view = predictor.view(plane, CONDITION, ((100.0, 800.0),))
    folded = lean(fold(network("me"), torch.from_numpy(schema().encode(CONDITION))))
    assert folded is not None
    bare = folded.to(predictor.device, predictor.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    full = _TILE + 2 * _HALO
    tile = torch.rand(1, 1, full, full, device=predictor.device, dtype=predictor.dtype)
    tile = tile.contiguous(memory_format=torch.channels_last)
    times = alternate(
        {
            "ours": lambda: [None for _ in predictor.stream(view, CONDITION)],
            "bare": partial(_bare, bare, tile, (side // _TILE) ** 2),
        },
        repeats=repeats,
    )
    return ratio_case("ours", "bare", times, method="me", plane_px=side)


@torch.inference_mode()
def _bare(network: torch.nn.Module, tile: torch.Tensor, count: int) -> None:
    within = (_HALO, _HALO + _TILE)
    for _ in range(count):
        network(tile, Window(within, within))
    if tile.is_cuda:
        torch.cuda.synchronize()
