"""A convolution and what follows it pixel by pixel, in one pass over memory where PyTorch can.

On CPUs PyTorch holds oneDNN's convolution with a ReLU, or with a sum and a ReLU, for the code that
its compiler writes. Called directly it spares a pass over the features for each. Where it is
missing (another device, another build) the same is done in several passes.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

_ONCE = [1, 1]


def conv_above(x: Tensor, weight: Tensor, bias: Tensor, floor: Tensor | None = None) -> Tensor:
    """max(x ∗ weight + bias, floor), as large as x; without a floor (C, 1, 1) it is 0.

    Features (N, C, Y, X), a filter (O, C, k, k) with odd k, a bias (O,). Not differentiable.
    """
    padding = weight.shape[-1] // 2
    if floor is not None or not _fuses(x.device.type, x.dtype):
        return _above(F.conv2d(x, weight, bias, padding=padding), floor)
    fused: Tensor = torch.ops.mkldnn._convolution_pointwise(
        x, weight, bias, [padding] * 2, _ONCE, _ONCE, 1, "relu", [], ""
    )
    return fused


def conv_onto(
    base: Tensor, x: Tensor, weight: Tensor, bias: Tensor, floor: Tensor | None = None
) -> Tensor:
    """max(base + x ∗ weight + bias, floor), see `conv_above`; what `base` held is lost."""
    padding = weight.shape[-1] // 2
    if not _fuses(x.device.type, x.dtype):
        return _above(F.conv2d(x, weight, bias, padding=padding).add_(base), floor)
    then = "relu" if floor is None else None
    summed: Tensor = torch.ops.mkldnn._convolution_pointwise_.binary(
        base, x, weight, bias, [padding] * 2, _ONCE, _ONCE, 1, "add", 1.0, then, [], ""
    )
    return summed if floor is None else _above(summed, floor)


def _above(x: Tensor, floor: Tensor | None) -> Tensor:
    return F.relu_(x) if floor is None else x.clamp_(min=floor.to(x.dtype))


@cache
def _fuses(device: str, dtype: torch.dtype) -> bool:
    """Whether this build has both operators for the CPU and this type: they are tried once."""
    if device != "cpu":
        return False
    x, weight, bias = torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3), torch.ones(1)
    x, weight, bias = (v.to(dtype) for v in (x, weight, bias))
    common = ([1, 1], _ONCE, _ONCE, 1)
    try:
        with torch.inference_mode():
            one = torch.ops.mkldnn._convolution_pointwise(x, weight, bias, *common, "relu", [], "")
            two = torch.ops.mkldnn._convolution_pointwise_.binary(
                one, x, weight, bias, *common, "add", 1.0, "relu", [], ""
            )
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    return bool((two[0, 0, 1, 1] == 20).item())
