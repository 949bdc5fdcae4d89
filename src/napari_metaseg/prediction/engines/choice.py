"""Which engine runs a network on this computer: measured once, within a second, and remembered."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch

from napari_metaseg.errors import InputError
from napari_metaseg.files import atomic_path
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.fold import fold
from napari_metaseg.networks.lean import Window
from napari_metaseg.networks.receptive import halo
from napari_metaseg.networks.unet import build_network
from napari_metaseg.prediction.device import EngineName
from napari_metaseg.prediction.engines import openvino
from napari_metaseg.prediction.engines.protocol import Engine
from napari_metaseg.prediction.engines.pytorch import TorchEngine

_SECONDS = 1.0
_FASTER = 0.95
"""Below which share of PyTorch's time the other engine is worth its making ready."""


def engine_for(
    name: EngineName, config: NetworkConfig, device: torch.device, dtype: torch.dtype
) -> Engine:
    """The engine of this name; for auto, the faster one for networks as large as this one.

    Raises `InputError` where one is named that is not installed or cannot run the network.
    """
    reason = why_not_openvino(config, device, dtype)
    if name == "openvino" and reason:
        way_out = "Use --engine auto, or pip install 'napari-metaseg[fast]'"
        raise InputError("the engine openvino cannot be used", got=reason, way_out=way_out)
    plain = TorchEngine(device, dtype)
    if name == "torch" or reason:
        return plain
    fast = openvino.OpenVinoEngine(dtype)
    return fast if name == "openvino" or _is_faster(fast, plain, config) else plain


def why_not_openvino(config: NetworkConfig, device: torch.device, dtype: torch.dtype) -> str:
    """Why OpenVINO cannot run such a network here, in words; empty where it can."""
    if not openvino.is_installed():
        return "it is not installed"
    if device.type != "cpu" or dtype not in (torch.float32, torch.bfloat16):
        return f"it runs on the CPU, not on {device.type}"
    return "" if config.upsampling == "nearest" else f"{config.upsampling} upsampling"


def _is_faster(fast: Engine, plain: TorchEngine, config: NetworkConfig) -> bool:
    key = _key(config, plain)
    known = _remembered()
    if key not in known:
        alike = config.model_copy(update={"method": "none", "metadata_size": 0, "head_columns": ()})
        seconds = _seconds_a_pixel((fast, plain), alike)
        known[key] = seconds[0] < _FASTER * seconds[1]
        _remember(known)
    return known[key]


def _seconds_a_pixel(engines: Sequence[Engine], config: NetworkConfig) -> list[float]:
    """The least that each engine takes for a kept pixel of a tile that suits it.

    They take turns for about a second, so that other work on the computer disturbs them alike.
    """
    sides = [_Side(engine, config) for engine in engines]
    end = time.perf_counter() + _SECONDS
    least = [side.seconds_a_pixel() for side in sides]
    while time.perf_counter() < end:
        least = [min(a, side.seconds_a_pixel()) for a, side in zip(least, sides, strict=True)]
    return least


class _Side:
    """One engine with an untrained network and a tile that suits it, made ready beforehand."""

    def __init__(self, engine: Engine, config: NetworkConfig) -> None:
        around, kept = halo(config), engine.tile_px(config.width) // 2
        kept += -kept % config.stride
        side = kept + 2 * around
        self._tile = np.zeros((config.in_channels, side, side), np.float32)
        self._keep = Window((around, around + kept), (around, around + kept))
        network = fold(build_network(config, seed=0), torch.zeros(0))
        self._loaded, self._pixels = engine.load(network), kept**2
        self.seconds_a_pixel()

    def seconds_a_pixel(self) -> float:
        """Those of one run."""
        start = time.perf_counter()
        self._loaded.start(self._tile, self._keep)()
        return (time.perf_counter() - start) / self._pixels


def _key(config: NetworkConfig, plain: TorchEngine) -> str:
    """What the answer depends on: the network's size, the computer, and both libraries."""
    from openvino import get_version  # type: ignore[import-untyped]

    network = (config.widths, config.convs_per_stage, config.in_channels, config.out_channels)
    here = (platform.node(), platform.machine(), torch.get_num_threads())
    return repr((network, str(plain.dtype), here, torch.__version__, get_version()))


@cache
def _remembered() -> dict[str, bool]:
    """The answers of earlier sessions; none where they cannot be read."""
    try:
        stored = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    known = stored.items() if isinstance(stored, dict) else ()
    return {str(key): value for key, value in known if isinstance(value, bool)}


def _remember(known: dict[str, bool]) -> None:
    """Keep the answers for later sessions, if there is a place for them."""
    try:
        with atomic_path(_file()) as temporary:
            temporary.write_text(json.dumps(known, indent=1), encoding="utf-8")
    except (OSError, InputError):
        return


def _file() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("napari-metaseg")) / "engines.json"
