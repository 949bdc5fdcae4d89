"""Which engine runs a network on this computer: measured once, within a second, and remembered."""

from __future__ import annotations

import json
import platform
import time
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_metaseg.errors import InputError
from napari_metaseg.files import atomic_path
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.fold import FoldedUNet, fold
from napari_metaseg.networks.lean import Window
from napari_metaseg.networks.unet import build_network
from napari_metaseg.prediction.device import EngineName
from napari_metaseg.prediction.engines import openvino
from napari_metaseg.prediction.engines.protocol import Engine, Loaded
from napari_metaseg.prediction.engines.pytorch import TorchEngine

_SIDE_PX, _HALO_PX = 256, 48
_SECONDS_EACH = 0.4
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
        network = fold(build_network(alike, seed=0), torch.zeros(0))
        fast_s, plain_s = (_seconds(engine, config, network) for engine in (fast, plain))
        known[key] = fast_s < _FASTER * plain_s
        _remember(known)
    return known[key]


def _seconds(engine: Engine, config: NetworkConfig, network: FoldedUNet) -> float:
    """The least time that one tile took, of as many as fit into a moment."""
    loaded = engine.load(network)
    side = _SIDE_PX + 2 * _HALO_PX
    tile = np.zeros((config.in_channels, side, side), np.float32)
    within = (_HALO_PX, _HALO_PX + _SIDE_PX)
    keep = Window(within, within)
    loaded.start(tile, keep)()
    least, end = float("inf"), time.perf_counter() + _SECONDS_EACH
    while time.perf_counter() < end:
        least = min(least, _timed(loaded, tile, keep))
    return least


def _timed(loaded: Loaded, tile: NDArray[np.float32], keep: Window) -> float:
    start = time.perf_counter()
    loaded.start(tile, keep)()
    return time.perf_counter() - start


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
