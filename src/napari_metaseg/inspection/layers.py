"""A network's layers by name: their folded filters, and what they give for an image.

A layer is called <stage>.<unit>, as enc1.2 for the second convolution at full resolution; `up3` is
the upsampling that leads to stage dec3, and `head` what makes the result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_metaseg.conditioning.sites import stage_names
from napari_metaseg.networks.fold import fold
from napari_metaseg.networks.unet import ConditionedUNet, ConvUnit, Stage

_Filters = tuple[Tensor, Tensor]


@torch.no_grad()
def folded_layers(network: ConditionedUNet, m: Tensor, plane: Tensor) -> dict[str, _Filters]:
    """Filters and per-channel constants of every layer for the metadata row `m` (M,), as vectors.

    The network is folded first, so norms, modulation and gates are inside; a bias and the floor of
    a gated ReLU are both constants. Gates that look at the image take `plane` (1, C, Y, X). Raises
    `InputError` where the method does not fold.
    """
    found: dict[str, tuple[list[Tensor], list[Tensor]]] = {}
    folded = fold(network, m, plane=plane if network.config.needs_plane else None)
    depth = network.config.depth
    for path, values in folded.state_dict().items():
        filters, constants = found.setdefault(layer_name(path, depth), ([], []))
        (filters if "weight" in path else constants).append(values.flatten().float())
    return {name: (_joined(w), _joined(b)) for name, (w, b) in found.items()}


@torch.no_grad()
def layer_outputs(network: ConditionedUNet, plane: Tensor, m: Tensor) -> dict[str, Tensor]:
    """What every layer and the head give for `plane` (1, C, Y, X) and `m` (M,), gates included.

    Y and X must be multiples of the network's stride.
    """
    outputs: dict[str, Tensor] = {}

    def keeper(name: str) -> Callable[..., None]:
        def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            outputs[name] = output.clone()

        return keep

    handles = [
        module.register_forward_hook(keeper(name))
        for name, module in output_modules(network).items()
    ]
    try:
        outputs["head"] = network(plane, m)
    finally:
        for handle in handles:
            handle.remove()
    return outputs


def output_modules(network: ConditionedUNet) -> Mapping[str, nn.Module]:
    """The module whose output is the layer's, by layer; the head is left out.

    The last unit of a stage ends with the stage's gate, so the stage itself stands for it.
    """
    depth = network.config.depth
    found: dict[str, nn.Module] = {}
    for path, module in network.named_modules():
        if isinstance(module, ConvUnit):
            found[layer_name(path, depth)] = module
    for path, module in network.named_modules():
        if isinstance(module, Stage):
            found[layer_name(f"{path}.units.{len(module.units) - 1}", depth)] = module
    return found


def layer_name(path: str, depth: int) -> str:
    """The layer's name for its place in the network ("encoder.0.units.1", "decoder.2.0", ..)."""
    stages = stage_names(depth)
    parts = path.replace(".units.", ".").split(".")
    numbers = [int(part) for part in parts if re.fullmatch(r"\d+", part)]
    if parts[0] == "encoder":
        return f"{stages[numbers[0]]}.{numbers[1] + 1}"
    if parts[0] == "decoder":
        return f"{stages[depth + 1 + numbers[0]]}.{numbers[1] + 1}"
    if parts[0] == "bottleneck" and numbers:
        return f"bottleneck.{numbers[0] + 1}"
    return f"up{depth - numbers[0]}" if parts[0] == "ups" else parts[0]


def relative_change(new: Tensor, old: Tensor) -> float:
    """‖new − old‖ / ‖old‖; of an `old` that is all 0: 0 if nothing changed, else 1."""
    change, size = float((new - old).norm()), float(old.norm())
    if change == 0:
        return 0.0
    return change / size if size > 0 else 1.0


def as_plane(image: NDArray[np.float32], stride: int) -> Tensor:
    """A normalised plane (C, Y, X) as (1, C, Y, X), padded to multiples of `stride`."""
    missing = [(0, -size % stride) for size in image.shape[1:]]
    padded = np.pad(image, [(0, 0), *missing], mode="symmetric")
    return torch.from_numpy(np.ascontiguousarray(padded, dtype=np.float32))[None]


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.cat(parts) if parts else torch.zeros(0)
