"""In which precision a network trains: bf16 where the hardware gains from it."""

from __future__ import annotations

from typing import Literal

import torch

from napari_metaseg.errors import InputError
from napari_metaseg.prediction.device import cpu_computes_bf16
from napari_metaseg.training.request import PrecisionName

FabricPrecision = Literal["32-true", "bf16-mixed", "16-mixed"]

_FABRIC: dict[str, FabricPrecision] = {
    "fp32": "32-true",
    "bf16": "bf16-mixed",
    "fp16": "16-mixed",
}


def training_precision(name: PrecisionName, device: torch.device) -> PrecisionName:
    """The precision of the network's computations on a device: never "auto".

    "auto" takes bf16 where it is computed in hardware: 1.4 times as fast on such a CPU (see
    docs/results.md), and on a CUDA device without it fp16. Raises `InputError` for fp16 anywhere
    but on a CUDA device, whose gradients are scaled.
    """
    if name == "fp16" and device.type != "cuda":
        raise InputError("fp16 needs a CUDA device", got=device.type, way_out="Choose bf16 or fp32")
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "bf16" if device.type == "cpu" and cpu_computes_bf16() else "fp32"


def fabric_precision(name: PrecisionName) -> FabricPrecision:
    """What Lightning Fabric calls it: weights and optimizer stay float32."""
    return _FABRIC[name]
