"""Where the network runs, and in which precision.

PyTorch is imported when a device is looked for: a request is made without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from napari_metaseg.errors import InputError

if TYPE_CHECKING:
    import torch

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
PrecisionName = Literal["auto", "fp32", "bf16"]
EngineName = Literal["auto", "torch", "openvino"]
"""auto: OpenVINO where it is installed, can run the network, and was measured to be faster."""


def resolve_device(name: str = "auto") -> torch.device:
    """The torch device for a name; "auto" takes CUDA, then MPS, then the CPU.

    Raises `InputError` where the named one is not there.
    """
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    if name not in ("cpu", "cuda", "mps"):
        raise InputError("unknown device", got=repr(name), way_out="Use auto, cpu, cuda or mps")
    if (name == "cuda" and not cuda) or (name == "mps" and not mps):
        raise InputError(
            f"this computer has no usable {name} device",
            got="PyTorch reports none",
            way_out="Use --device cpu, or install the PyTorch build for your GPU",
        )
    return torch.device(name)


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """The dtype that convolutions run in; "auto" takes bf16 where a CUDA device supports it."""
    import torch

    if name == "fp32":
        return torch.float32
    if name == "bf16":
        return torch.bfloat16
    if name != "auto":
        raise InputError("unknown precision", got=repr(name), way_out="Use auto, fp32 or bf16")
    fast = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.bfloat16 if fast else torch.float32


def cpu_computes_bf16() -> bool:
    """Whether this processor computes bf16 itself, about twice as fast as fp32."""
    import torch

    # Older releases of PyTorch do not tell.
    known: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(known.get(feature) for feature in ("avx512_bf16", "amx_bf16"))


def device_label(device: torch.device) -> str:
    """What to call the device in front of people."""
    import torch

    if device.type == "cuda":
        return f"GPU ({torch.cuda.get_device_name(device)})"
    return {"cpu": "CPU", "mps": "Apple GPU"}.get(device.type, device.type)
