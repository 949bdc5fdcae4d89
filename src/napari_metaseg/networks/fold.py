"""Folding: a conditioned network with given metadata becomes a plain network of the same cost.

With the metadata known, every block is arithmetic on constants: batch norm and FiLM are a scale and
shift per channel before the ReLU and go into the convolution; fused filters are filters. A gate
after the ReLU, y = ReLU(z)·s + β with s ≥ 0, equals max(z·s + β, β): the scale and shift go into
the convolution and the ReLU's floor moves from 0 to β. So β is added behind the zero padding, where
the published block adds it, and no step is added. Constant metadata planes become one plane of ones
beside the image, which meets the zero padding as they did.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_metaseg.conditioning.blocks import ChannelAffine
from napari_metaseg.conditioning.heads import DynamicHead, Head, Layers, MultiHead
from napari_metaseg.conditioning.steerable import SteerableConv2d
from napari_metaseg.errors import InputError
from napari_metaseg.networks.pointwise import conv_above
from napari_metaseg.networks.unet import ConditionedUNet, ConvUnit, Stage, UNet

_Affine = tuple[Tensor, Tensor]
PARTS = (ChannelAffine, SteerableConv2d, Head, MultiHead, DynamicHead)
"""The kinds of modules that metadata or the image may change."""


class FoldedUnit(nn.Module):
    """Convolution, then max(·, floor); the floor is 0 for a plain ReLU.

    With `adds_plane`, a plane of ones stands behind the input's channels.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor, floor: Tensor | None = None, *, adds_plane: bool = False
    ) -> None:
        super().__init__()
        self.weight, self.bias = _constant(weight), _constant(bias)
        self.floor = None if floor is None else _constant(floor[:, None, None])
        self.adds_plane = adds_plane

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, C, Y, X) for features."""
        if self.adds_plane:
            x = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
        return conv_above(x, self.weight, self.bias, self.floor)


class FoldedStage(nn.Sequential):
    """The units of one level; takes the metadata's place in the call and ignores it."""

    def forward(self, x: Tensor, m: Tensor | None = None) -> Tensor:
        """Features (N, C, Y, X) for features."""
        for unit in self:
            x = unit(x)
        return x


class LiveGate(nn.Module):
    """A block that looks at the image and stays behind its stage: only a whole plane may pass."""

    def __init__(self, block: ChannelAffine, m: Tensor) -> None:
        super().__init__()
        self.block, self.m = block, _constant(m)

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, C, Y, X) for features, which are lost."""
        scale, shift = self.block.scale_and_shift(x, self.m)
        return x.mul_(scale[:, :, None, None]).add_(shift[:, :, None, None])


class FoldedHead(nn.Module):
    """1×1 convolutions with a ReLU between; takes the conditioned head's place in the call."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        self.weights = nn.ParameterList(_constant(weight) for weight, _ in layers)
        self.biases = nn.ParameterList(_constant(bias) for _, bias in layers)

    def forward(self, x: Tensor, m: Tensor | None = None, deepest: Tensor | None = None) -> Tensor:
        """Logits (N, K, Y, X) for features (N, C, Y, X)."""
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = F.conv2d(F.relu(x) if i else x, weight, bias)
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
    plane agree with the whole; `InputError` without it. A plane too large for one pass is folded
    for with `SteppedFold`. The network itself is left as it was.
    """
    if plane is not None:
        network = copy.deepcopy(network).eval().requires_grad_(False)
        # The pass over the whole plane is the costly part: channels last is faster on CPUs.
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    probe = next(network.parameters()).new_zeros(1)
    embedded = network.embed(m, probe)
    return assemble(network, _constants(network, m, embedded, plane))


@torch.no_grad()
def fold_around_gates(network: ConditionedUNet, m: Tensor) -> FoldedUNet | None:
    """The network with metadata (M,) folded, and gates that look at the image left in it.

    It equals `network` for whole planes. None where other parts look at the image as well.
    """
    network = copy.deepcopy(network).eval().requires_grad_(False)
    gates = [s.gate for s in network.modules() if isinstance(s, Stage) and s.gate is not None]
    embedded = network.embed(m, next(network.parameters()).new_zeros(1))
    found = Constants(embedded=embedded)
    for part in (part for part in network.modules() if isinstance(part, PARTS)):
        if not part.reads_image:
            found.see(part, (None, embedded, None))
        elif not any(part is gate for gate in gates):
            return None
    return assemble(network, found)


def assemble(network: ConditionedUNet, found: Constants) -> FoldedUNet:
    """The plain network of all constants of `network`'s parts."""

    def stage(module: nn.Module) -> FoldedStage:
        assert isinstance(module, Stage)
        return fold_stage(module, found)

    return FoldedUNet(
        [stage(module) for module in network.encoder],
        stage(network.bottleneck),
        [copy.deepcopy(up).requires_grad_(False) for up in network.ups],
        [stage(module) for module in network.decoder],
        FoldedHead(found.head),
    ).eval()


@dataclass
class Constants:
    """What every part of a network amounts to for one condition (and plane)."""

    pairs: dict[nn.Module, _Affine] = field(default_factory=dict)
    """Of a convolution its weight and bias, of a block its scale and shift (C,)."""
    head: Layers = field(default_factory=list)
    embedded: Tensor | None = None
    """The metadata (1, E) for gates that are not among `pairs`."""

    def see(self, part: nn.Module, inputs: tuple[Tensor | None, ...]) -> None:
        """Keep what `part` amounts to for its inputs: features, metadata (1, E), deepest."""
        x, m = inputs[:2]
        assert m is not None
        if isinstance(part, ChannelAffine):
            scale, shift = part.scale_and_shift(x, m)
            self.pairs[part] = scale[0], shift[0]
        elif isinstance(part, SteerableConv2d):
            self.pairs[part] = part.folded(m[0], x)
        elif isinstance(part, Head | MultiHead | DynamicHead):
            self.head = part.folded(m[0], inputs[2])


def _constants(
    network: ConditionedUNet, m: Tensor, embedded: Tensor, plane: Tensor | None
) -> Constants:
    """Every part's constants, from metadata alone or as the plane gives them."""
    parts = [part for part in network.modules() if isinstance(part, PARTS)]
    found = Constants()
    if not any(part.reads_image for part in parts):
        for part in parts:
            found.see(part, (None, embedded, None))
        return found
    if plane is None or len(plane) != 1:
        raise InputError(
            f"Method {network.config.method} looks at the image",
            got="no plane to fold for" if plane is None else f"{len(plane)} planes",
            way_out="Pass the one plane whose tiles will be predicted",
        )
    for part in parts:
        part.register_forward_pre_hook(found.see)
    network(plane, m)
    return found


def fold_stage(stage: Stage, found: Constants) -> FoldedStage:
    """A stage whose parts' constants are all found, but perhaps those of its gate."""
    units = [unit for unit in stage.units if isinstance(unit, ConvUnit)]
    pairs = [_fold_unit(unit, found) for unit in units]
    planes = [unit.conv.adds_plane for unit in units]
    floor, gates = None, []
    if stage.gate is not None and stage.gate in found.pairs:
        scale, floor = found.pairs[stage.gate]
        pairs[-1] = _scaled(*pairs[-1], scale, floor)
    elif stage.gate is not None:
        assert found.embedded is not None
        gates = [LiveGate(stage.gate, found.embedded)]
    floors = [*[None] * (len(units) - 1), floor]
    folded = (
        FoldedUnit(weight, bias, end, adds_plane=plane)
        for (weight, bias), end, plane in zip(pairs, floors, planes, strict=True)
    )
    return FoldedStage(*folded, *gates)


def _fold_unit(unit: ConvUnit, found: Constants) -> _Affine:
    """The unit's convolution with all that stands between it and its ReLU."""
    weight, bias = found.pairs[unit.conv]
    if unit.norm is not None:
        weight, bias = _scaled(weight, bias, *_norm_affine(unit.norm))
    if unit.modulate is not None:
        weight, bias = _scaled(weight, bias, *found.pairs[unit.modulate])
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
