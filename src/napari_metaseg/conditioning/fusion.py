"""Convolutions whose filters change with metadata (parameter fusion)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_metaseg.conditioning.blocks import zero_linear


class SteerableConv2d(nn.Conv2d):
    """A 3×3 convolution that may look at metadata; this one, the base, does not."""

    def __init__(self, in_channels: int, out_channels: int, *, bias: bool) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1, bias=bias)

    def forward(self, x: Tensor, m: Tensor) -> Tensor:  # type: ignore[override]
        """Features (N, Cout, Y, X) for features (N, Cin, Y, X) and metadata (N, M)."""
        return super().forward(x)

    def folded(self, m: Tensor) -> tuple[Tensor, Tensor]:
        """Weight (Cout, Cin, 3, 3) and bias (Cout,) that equal this layer for one metadata row."""
        bias = self.weight.new_zeros(self.out_channels) if self.bias is None else self.bias
        return self.weight, bias


class LowRankFusionConv2d(SteerableConv2d):
    """Y = [W + Σ_r z_r(m) a_r ⊗ b_r] X + [b + Fb(m)], z and Fb linear in the metadata embedding.

    a_r is a vector over output channels and b_r a filter bank (Cin, 3, 3). z and Fb are 0 at the
    start. Source: the fusion Y = [Fw(M)·W] X + [Fb(M) + b] of "Incorporating Metadata for
    Semantic Segmentation", with Fw of low rank and learned.
    """

    def __init__(
        self, in_channels: int, out_channels: int, metadata_size: int, *, rank: int, bias: bool
    ) -> None:
        super().__init__(in_channels, out_channels, bias=bias)
        self.rank = rank
        self.generator = zero_linear(metadata_size, rank + out_channels)
        self.spread = nn.Parameter(torch.empty(out_channels, rank))
        self.basis = nn.Parameter(torch.empty(rank, in_channels, 3, 3))
        nn.init.normal_(self.spread)
        nn.init.kaiming_normal_(self.basis)

    def forward(self, x: Tensor, m: Tensor) -> Tensor:  # type: ignore[override]
        """As the base, each sample with its own filters.

        conv(x; W + Σ z_r a_r ⊗ b_r) = conv(x; W) + Σ z_r a_r conv(x; b_r): one further convolution
        to `rank` channels serves the whole batch, so no filters are built per sample.
        """
        z, bias = self.generator(m).split([self.rank, self.out_channels], dim=1)
        mixed = F.conv2d(x, self.basis, padding=1) * z[:, :, None, None]
        base = F.conv2d(x, self.weight, self.bias, padding=1)
        y: Tensor = base + F.conv2d(mixed, self.spread[:, :, None, None]) + bias[:, :, None, None]
        return y

    def folded(self, m: Tensor) -> tuple[Tensor, Tensor]:
        """The filters and bias for one metadata row (M,)."""
        weight, bias = super().folded(m)
        z, shift = self.generator(m).split([self.rank, self.out_channels])
        change = torch.einsum("r,or,rikl->oikl", z, self.spread, self.basis)
        return weight + change, bias + shift
