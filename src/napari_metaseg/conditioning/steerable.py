"""Convolutions that may look at metadata: the base, and filters of each sample's own."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class SteerableConv2d(nn.Conv2d):
    """A 3×3 convolution that may look at metadata; this one, the base, does not.

    `reads_image` tells whether the filters also depend on the features, so that folding must see
    them; `adds_plane` whether the folded filters expect one more input channel, all ones.
    """

    reads_image = False
    adds_plane = False

    def __init__(self, in_channels: int, out_channels: int, *, bias: bool) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1, bias=bias)

    def forward(self, x: Tensor, m: Tensor) -> Tensor:  # type: ignore[override]
        """Features (N, Cout, Y, X) for features (N, Cin, Y, X) and metadata (N, M)."""
        return super().forward(x)

    def folded(self, m: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Weight (Cout, Cin, 3, 3) and bias (Cout,) that equal this layer for one metadata row.

        `m` is (M,); `x` (1, Cin, Y, X) only matters to layers that read the image.
        """
        return self.weight, self.plain_bias()

    def plain_bias(self) -> Tensor:
        """The bias (Cout,), zeros where there is none."""
        return self.weight.new_zeros(self.out_channels) if self.bias is None else self.bias


class PerSampleConv2d(SteerableConv2d):
    """A convolution with filters of each sample's own; subclasses say where they come from."""

    def filters(self, m: Tensor, x: Tensor | None) -> tuple[Tensor, Tensor]:
        """Weights (N, Cout, Cin, 3, 3) and biases (N, Cout) for metadata (N, M)."""
        raise NotImplementedError

    def forward(self, x: Tensor, m: Tensor) -> Tensor:  # type: ignore[override]
        """As the base, each sample with its own filters."""
        weight, bias = self.filters(m, x)
        return convolve_each(x, weight) + bias[:, :, None, None]

    def folded(self, m: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The filters and bias for one metadata row (M,)."""
        weight, bias = self.filters(m[None], x)
        return weight[0], bias[0]


def convolve_each(x: Tensor, weight: Tensor) -> Tensor:
    """Each sample (N, Cin, Y, X) through its own filters (N, Cout, Cin, k, k): one grouped call."""
    samples, outputs, inputs, k, _ = weight.shape
    if samples == 1:
        return F.conv2d(x, weight[0], padding=k // 2)
    side_by_side = x.contiguous().reshape(1, samples * inputs, *x.shape[2:])
    stacked = weight.reshape(samples * outputs, inputs, k, k)
    y = F.conv2d(side_by_side, stacked, padding=k // 2, groups=samples)
    return y.reshape(samples, outputs, *x.shape[2:])


def mix_channels(x: Tensor, matrix: Tensor) -> Tensor:
    """Each sample's channels (N, C, Y, X) multiplied by its own matrix (N, K, C)."""
    rows = x.permute(0, 2, 3, 1).flatten(1, 2) @ matrix.transpose(1, 2)
    return rows.reshape(len(x), *x.shape[2:], -1).permute(0, 3, 1, 2)


def zero_linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer that gives 0 until it is trained, so that a network starts as its base."""
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
