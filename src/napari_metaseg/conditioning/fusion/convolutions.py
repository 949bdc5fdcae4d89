"""The fusion convolutions, Y = [Fw(M)·W] X + [Fb(M) + b].

Source: "Incorporating Metadata for Semantic Segmentation".
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_metaseg.conditioning.fusion.eigen import EigenGenerator
from napari_metaseg.conditioning.fusion.generators import FusionSpec
from napari_metaseg.conditioning.fusion.readings import (
    KERNEL,
    READINGS,
    channel_matrix,
    matrix,
)
from napari_metaseg.conditioning.steerable import PerSampleConv2d, mix_channels


class FusionConv2d(PerSampleConv2d):
    """Metadata changes filters and bias; subclasses say how the filters.

    What `spec.fuse` leaves out has no generator: the filters or the bias are then the plain ones.
    """

    def __init__(self, inputs: int, outputs: int, spec: FusionSpec, *, bias: bool) -> None:
        super().__init__(inputs, outputs, bias=bias)
        self.spec = spec
        self.bias_generator = spec.generator(outputs) if spec.bias else None

    def fused(self, m: Tensor) -> Tensor:
        """Fw(M)·W, (N, Cout, Cin, 3, 3)."""
        raise NotImplementedError

    def filters(self, m: Tensor, x: Tensor | None) -> tuple[Tensor, Tensor]:
        """Fw(M)·W and Fb(M) + b."""
        weight = self.fused(m) if self.spec.weights else self.weight[None]
        return weight, self.fused_bias(m)

    def fused_bias(self, m: Tensor) -> Tensor:
        """Fb(M) + b, (N, Cout)."""
        bias = self.plain_bias()[None]
        return bias if self.bias_generator is None else bias + self.bias_generator(m)


class ReadingFusionConv2d(FusionConv2d):
    """Fusion in one of the `READINGS`: element-wise, literal, spatial or k×k matrix product."""

    def __init__(
        self, inputs: int, outputs: int, spec: FusionSpec, reading: str, *, bias: bool
    ) -> None:
        super().__init__(inputs, outputs, spec, bias=bias)
        self.reading = READINGS[reading]
        self.shape = self.reading.shape(outputs, inputs)
        size = int(torch.Size(self.shape).numel())
        start = self.reading.start and self.reading.start(outputs, inputs)
        through = spec.rank if self.reading.wide else 0
        self.generator = (
            spec.generator(size, start=start, through=through) if spec.weights else None
        )

    def fused(self, m: Tensor) -> Tensor:
        """Fw(M)·W as the reading has it."""
        assert self.generator is not None
        return self.reading.apply(
            self.weight.contiguous(), self.generator(m).unflatten(1, self.shape)
        )


class MatrixEigenFusionConv2d(FusionConv2d):
    """F(M)·W[o, i] with F (3, 3) in its eigen form: at most three directions."""

    def __init__(self, inputs: int, outputs: int, spec: FusionSpec, *, bias: bool) -> None:
        super().__init__(inputs, outputs, spec, bias=bias)
        size, kind = spec.metadata_size, spec.kind
        self.generator = EigenGenerator(size, KERNEL, kind) if spec.weights else None

    def fused(self, m: Tensor) -> Tensor:
        """The matrix product with every kernel."""
        assert self.generator is not None
        return matrix(self.weight, self.generator(m))


class ChannelFusionConv2d(FusionConv2d):
    """Fusion by a matrix over channels, which acts on the features: no filters are built.

    (F·W) X = F (W X) for output channels, and (W·F) X = W (F X) for input channels.
    """

    def channel_matrix(self, m: Tensor) -> Tensor:
        """F, (N, C, C)."""
        raise NotImplementedError


class OutFusionConv2d(ChannelFusionConv2d):
    """(I + F/√C)·W with F (Cout, Cout): a 1×1 convolution after the convolution."""

    def __init__(self, inputs: int, outputs: int, spec: FusionSpec, *, bias: bool) -> None:
        super().__init__(inputs, outputs, spec, bias=bias)
        self.generator = self.make_generator() if spec.weights else None

    def make_generator(self) -> torch.nn.Module:
        """What gives the matrix' numbers."""
        return self.spec.generator(self.out_channels**2, through=self.spec.rank)

    def channel_matrix(self, m: Tensor) -> Tensor:
        """I + F/√C."""
        assert self.generator is not None
        size = self.out_channels
        return channel_matrix(self.generator(m).unflatten(1, (size, size)))

    def fused(self, m: Tensor) -> Tensor:
        """F·W over the output channels."""
        return torch.einsum("nab,bikl->naikl", self.channel_matrix(m), self.weight)

    def forward(self, x: Tensor, m: Tensor) -> Tensor:  # type: ignore[override]
        """F (W X) + Fb + b."""
        y = F.conv2d(x, self.weight, padding=1)
        if self.spec.weights:
            y = mix_channels(y, self.channel_matrix(m))
        return y + self.fused_bias(m)[:, :, None, None]


class EigenFusionConv2d(OutFusionConv2d):
    """F·W over the output channels with F in its eigen form; see the module `eigen`."""

    def make_generator(self) -> torch.nn.Module:
        """Directions and eigenvalues."""
        return EigenGenerator(self.spec.metadata_size, self.out_channels, self.spec.kind)

    def channel_matrix(self, m: Tensor) -> Tensor:
        """I + Σ (λ − 1) u uᵀ."""
        assert self.generator is not None
        f: Tensor = self.generator(m)
        return f


class InFusionConv2d(ChannelFusionConv2d):
    """W·(I + F/√C) with F (Cin, Cin): a 1×1 convolution before the convolution."""

    def __init__(self, inputs: int, outputs: int, spec: FusionSpec, *, bias: bool) -> None:
        super().__init__(inputs, outputs, spec, bias=bias)
        size = inputs**2
        self.generator = spec.generator(size, through=spec.rank) if spec.weights else None

    def channel_matrix(self, m: Tensor) -> Tensor:
        """I + F/√C."""
        assert self.generator is not None
        size = self.in_channels
        return channel_matrix(self.generator(m).unflatten(1, (size, size)))

    def fused(self, m: Tensor) -> Tensor:
        """W·F over the input channels."""
        return torch.einsum("oakl,nab->nobkl", self.weight, self.channel_matrix(m))

    def forward(self, x: Tensor, m: Tensor) -> Tensor:  # type: ignore[override]
        """W (F X) + Fb + b."""
        if self.spec.weights:
            x = mix_channels(x, self.channel_matrix(m))
        y = F.conv2d(x, self.weight, padding=1)
        return y + self.fused_bias(m)[:, :, None, None]
