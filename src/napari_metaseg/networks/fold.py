"""Folding: a conditioned network with given metadata becomes a plain network of the same cost.

With the metadata known, every block is arithmetic on constants: batch norm and FiLM are a scale and
shift per channel before the ReLU and go into the convolution; fused filters are filters. A gate
after the ReLU, y = ReLU(z)·s + β with s ≥ 0, equals max(z·s + β, β): the scale and shift go into
the convolution and the ReLU's floor moves from 0 to β. So β is added behind the zero padding, where
the published block adds it, and no step is added.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_metaseg.conditioning.blocks import ChannelAffine
from napari_metaseg.errors import InputError
from napari_metaseg.networks.unet import ConditionedUNet, ConvUnit, Stage, UNet

_Affine = tuple[Tensor, Tensor]


class FoldedUnit(nn.Module):
    """Convolution, then max(·, floor); the floor is 0 for a plain ReLU."""

    def __init__(self, weight: Tensor, bias: Tensor, floor: Tensor | None) -> None:
        super().__init__()
        self.weight, self.bias = _constant(weight), _constant(bias)
        self.floor = None if floor is None else _constant(floor[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, C, Y, X) for features."""
        y = F.conv2d(x, self.weight, self.bias, padding=1)
        return F.relu_(y) if self.floor is None else y.clamp_(min=self.floor.to(y.dtype))


class FoldedStage(nn.Sequential):
    """The units of one level; takes the metadata's place in the call and ignores it."""

    def forward(self, x: Tensor, m: Tensor | None = None) -> Tensor:
        """Features (N, C, Y, X) for features."""
        for unit in self:
            x = unit(x)
        return x


class FoldedUNet(UNet):
    """A plain U-Net with one condition's weights."""

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, K, Y, X) for an image (N, C, Y, X)."""
        return self.run(x, None)


@torch.no_grad()
def fold(network: ConditionedUNet, m: Tensor, *, plane: Tensor | None = None) -> FoldedUNet:
    """The plain network that equals `network` in eval mode for the metadata `m` (M,).

    Where gates look at the image (`network.config.needs_plane`), `plane` (1, C, Y, X) is needed:
    its gates are computed once, in the network's own order, and then stay, so that tiles of the
    plane agree with the whole; `InputError` without it. The network itself is left as it was.
    """
    network = copy.deepcopy(network).eval().requires_grad_(False)
    if plane is not None:
        # The pass over the whole plane is the costly part: channels last is faster on CPUs.
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    probe = next(network.parameters()).new_zeros(1)
    embedded = network.embed(m, probe)
    gates = _gates(network, m, embedded, plane)

    def stage(module: nn.Module) -> FoldedStage:
        assert isinstance(module, Stage)
        return _fold_stage(module, embedded[0], gates)

    return FoldedUNet(
        [stage(module) for module in network.encoder],
        stage(network.bottleneck),
        list(network.ups),
        [stage(module) for module in network.decoder],
        network.head,
    ).eval()


def _gates(
    network: ConditionedUNet, m: Tensor, embedded: Tensor, plane: Tensor | None
) -> dict[nn.Module, _Affine]:
    """Scale and shift (C,) of every block, from metadata alone or as the plane gives them."""
    blocks = [module for module in network.modules() if isinstance(module, ChannelAffine)]
    if not any(block.reads_image for block in blocks):
        return {block: _first(block.scale_and_shift(None, embedded)) for block in blocks}
    if plane is None or len(plane) != 1:
        raise InputError(
            f"Method {network.config.method} looks at the image",
            got="no plane to fold for" if plane is None else f"{len(plane)} planes",
            way_out="Pass the one plane whose tiles will be predicted",
        )
    found: dict[nn.Module, _Affine] = {}

    def keep(block: nn.Module, inputs: tuple[Tensor, Tensor]) -> None:
        assert isinstance(block, ChannelAffine)
        found[block] = _first(block.scale_and_shift(*inputs))

    for block in blocks:
        block.register_forward_pre_hook(keep)
    network(plane, m)
    return found


def _first(pair: _Affine) -> _Affine:
    return pair[0][0], pair[1][0]


def _fold_stage(stage: Stage, m: Tensor, gates: dict[nn.Module, _Affine]) -> FoldedStage:
    units = [unit for unit in stage.units if isinstance(unit, ConvUnit)]
    pairs = [_fold_unit(unit, m, gates) for unit in units]
    folded = [FoldedUnit(weight, bias, None) for weight, bias in pairs]
    if stage.gate is not None:
        weight, bias = pairs[-1]
        scale, shift = gates[stage.gate]
        folded[-1] = FoldedUnit(*_scaled(weight, bias, scale, shift), floor=shift)
    return FoldedStage(*folded)


def _fold_unit(unit: ConvUnit, m: Tensor, gates: dict[nn.Module, _Affine]) -> _Affine:
    """The unit's convolution with all that stands between it and its ReLU."""
    weight, bias = unit.conv.folded(m)
    if unit.norm is not None:
        weight, bias = _scaled(weight, bias, *_norm_affine(unit.norm))
    if unit.modulate is not None:
        weight, bias = _scaled(weight, bias, *gates[unit.modulate])
    return weight, bias


def _scaled(weight: Tensor, bias: Tensor, scale: Tensor, shift: Tensor) -> _Affine:
    return weight * scale[:, None, None, None], bias * scale + shift


def _norm_affine(norm: nn.BatchNorm2d) -> _Affine:
    """Batch norm with its running statistics, as scale and shift."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


def _constant(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values.detach().clone(), requires_grad=False)
