"""Low-rank fusion: metadata adds a few learned directions to the filters."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_metaseg.conditioning.fusion.generators import FusionSpec
from napari_metaseg.conditioning.steerable import SteerableConv2d, zero_linear


class LowRankFusionConv2d(SteerableConv2d):
    """Y = [W + Σ_r z_r(m) a_r ⊗ b_r] X + [b + Fb(m)].

    a_r is a vector over output channels and b_r a filter bank (Cin, 3, 3), both learned. A learned
    generator is linear in the metadata embedding and 0 at the start; a fixed one gives z and Fb in
    [-1, 1]. Source: the fusion Y = [Fw(M)·W] X + [Fb(M) + b] of "Incorporating Metadata for
    Semantic Segmentation", with Fw of low rank.
    """

    def __init__(self, inputs: int, outputs: int, spec: FusionSpec, *, bias: bool) -> None:
        super().__init__(inputs, outputs, bias=bias)
        self.spec = spec
        self.sizes = [spec.rank * spec.weights, outputs * spec.bias]
        size = sum(self.sizes)
        learned = spec.kind == "learned"
        self.generator: nn.Module = (
            zero_linear(spec.metadata_size, size) if learned else spec.generator(size)
        )
        if spec.weights:
            self.spread = nn.Parameter(torch.empty(outputs, spec.rank))
            self.basis = nn.Parameter(torch.empty(spec.rank, inputs, 3, 3))
            nn.init.normal_(self.spread)
            nn.init.kaiming_normal_(self.basis)

    def forward(self, x: Tensor, m: Tensor) -> Tensor:  # type: ignore[override]
        """As the base, each sample with its own filters.

        conv(x; W + Σ z_r a_r ⊗ b_r) = conv(x; W) + Σ z_r a_r conv(x; b_r): one further convolution
        to `rank` channels serves the whole batch, so no filters are built per sample.
        """
        z, bias = self.generator(m).split(self.sizes, dim=1)
        y = F.conv2d(x, self.weight, self.bias, padding=1)
        if self.spec.weights:
            mixed = F.conv2d(x, self.basis, padding=1) * z[:, :, None, None]
            y = y + F.conv2d(mixed, self.spread[:, :, None, None])
        return y + bias[:, :, None, None] if self.spec.bias else y

    def folded(self, m: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The filters and bias for one metadata row (M,)."""
        weight, bias = super().folded(m)
        z, shift = self.generator(m[None])[0].split(self.sizes)
        if self.spec.weights:
            weight = weight + torch.einsum("r,or,rikl->oikl", z, self.spread, self.basis)
        return weight, bias + shift if self.spec.bias else bias
