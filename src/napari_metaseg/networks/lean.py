"""The folded network with less work: what a decoder joins is never grown and never put together.

A decoder's first convolution reads the skip beside the features from below, which were mixed to as
many channels and grown to twice the size. A convolution over two groups of channels is the sum of
one over each. And a 3×3 convolution over an image whose pixels were doubled reads just four pixels
of the small one for each output: it is a transposed convolution of 4×4 with stride 2 (`doubled`),
4 products where there were 9. The result is the same up to rounding, at the borders too.

A tile keeps its middle alone. The decoders, which look only a few pixels far, are computed where
the kept part needs them (`LeanUNet.windows`), not on the whole halo.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_metaseg.networks.fold import FoldedStage, FoldedUNet, FoldedUnit
from napari_metaseg.networks.pointwise import conv_onto

Span = tuple[int, int]
"""The first row (or column) and the one behind the last."""


class Window(NamedTuple):
    """Rows and columns of a feature map, counted from its first."""

    rows: Span
    columns: Span

    def halved(self) -> Window:
        """The same window on the grid of the level below."""
        return Window(*((first // 2, last // 2) for first, last in self))

    def within(self, other: Window) -> Window:
        """The same window, counted from where `other` begins."""
        ends = zip(self, other, strict=True)
        return Window(*((a - start, b - start) for (a, b), (start, _) in ends))

    def of(self, x: Tensor) -> Tensor:
        """Its part of features (N, C, Y, X)."""
        (top, bottom), (left, right) = self
        return x[:, :, top:bottom, left:right]


class Join(nn.Module):
    """How a decoder stage begins: max(skip ∗ weight + mix(below) ∗ᵀ grown + bias, floor)."""

    def __init__(self, up: nn.Module, first: nn.Module) -> None:
        super().__init__()
        assert isinstance(first, FoldedUnit)
        self.mix = up[0] if isinstance(up, nn.Sequential) else None
        weight = first.weight.detach()
        skips = weight.shape[1] // 2  # `up` gives as many channels as the level has
        self.weight = _constant(weight[:, :skips])
        self.grown = _constant(doubled(weight[:, skips:]))
        self.bias, self.floor = first.bias, first.floor

    def forward(self, skip: Tensor, below: Tensor) -> Tensor:
        """Features (N, C, 2Y, 2X) of a skip of that size and of features (N, D, Y, X)."""
        if self.mix is not None:
            below = self.mix(below)
        grown = F.conv_transpose2d(below, self.grown, stride=2, padding=1)
        return conv_onto(grown, skip, self.weight, self.bias, self.floor)


class LeanUNet(nn.Module):
    """One condition's plain network, rearranged; it shares what it can with the folded one.

    Decoders stand from the deepest to the finest level.
    """

    def __init__(self, network: FoldedUNet) -> None:
        super().__init__()
        self.encoder, self.bottleneck = network.encoder, network.bottleneck
        stages = [list(stage.children()) for stage in network.decoder]
        pairs = zip(network.ups, stages, strict=True)
        self.joins = nn.ModuleList(Join(up, stage[0]) for up, stage in pairs)
        self.rest = nn.ModuleList(FoldedStage(*stage[1:]) for stage in stages)
        self.head = network.head

    def windows(self, shape: tuple[int, int], keep: Window) -> tuple[Window, ...]:
        """What each decoder computes of a tile of `shape` (Y, X), each on its own level's grid.

        That is what is wanted of it and a pixel more for each of its convolutions, up to even
        numbers, within the tile. Beyond the tile all is 0, as beyond the plane; so where the plane
        ends, the tile must too.
        """
        found: list[Window] = []
        for level, rest in enumerate(reversed(self.rest)):
            sides = (side >> level for side in shape)
            more = 1 + len(list(rest.children()))
            pairs = zip(keep, sides, strict=True)
            found.insert(0, Window(*(_widened(span, more, side) for span, side in pairs)))
            keep = found[0].halved()
        return tuple(found)

    def forward(self, x: Tensor, keep: Window | None = None) -> Tensor:
        """Logits (N, K, y, x) of the kept part (None: of all) of an image (N, C, Y, X)."""
        shape = (x.shape[2], x.shape[3])
        wanted = keep or Window((0, shape[0]), (0, shape[1]))
        windows = self.windows(shape, wanted)
        skips: list[Tensor] = []
        for stage, window in zip(self.encoder, reversed(windows), strict=True):
            x = stage(x)
            skips.append(window.of(x))
            x = F.max_pool2d(x, 2)
        x = self.bottleneck(x)
        here = Window((0, x.shape[2]), (0, x.shape[3]))
        for join, rest, window in zip(self.joins, self.rest, windows, strict=True):
            below = window.halved().within(here).of(x)
            x, here = rest(join(skips.pop(), below)), window
        logits: Tensor = self.head(wanted.within(here).of(x))
        return logits


def lean(network: FoldedUNet) -> LeanUNet | None:
    """The same network, rearranged; None where its upsampling does not double pixels."""
    return LeanUNet(network) if all(_doubles(up) for up in network.ups) else None


def _doubles(up: nn.Module) -> bool:
    grow = up[-1] if isinstance(up, nn.Sequential) else up
    return isinstance(grow, nn.Upsample) and grow.mode == "nearest"


def doubled(weight: Tensor) -> Tensor:
    """The transposed convolution (I, O, 4, 4) that equals (O, I, 3, 3) over doubled pixels.

    Along an axis, output 2i reads the doubled pixels 2i - 1, 2i, 2i + 1, which are the small ones
    i - 1, i, i; output 2i + 1 reads i, i, i + 1. With stride 2 and padding 1 the four taps are then
    w2, w1 + w2, w0 + w1, w0. Outside the image both read 0.
    """
    for axis in (2, 3):
        before, centre, after = weight.unbind(axis)
        weight = torch.stack([after, centre + after, before + centre, before], axis)
    return weight.transpose(0, 1).contiguous()


def _widened(span: Span, more: int, side: int) -> Span:
    first, last = max(0, span[0] - more), min(side, span[1] + more)
    return first - first % 2, last + last % 2


def _constant(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values.contiguous(memory_format=torch.channels_last), requires_grad=False)
