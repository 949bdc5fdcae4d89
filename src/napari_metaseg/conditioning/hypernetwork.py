"""Filters made by a small network: from metadata, or from metadata and the features' means."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_metaseg.conditioning.blocks import channel_means
from napari_metaseg.conditioning.steerable import PerSampleConv2d, zero_linear

HIDDEN = 8
"""Width of the small network. It has about `HIDDEN` + 1 times as many numbers as the filters."""


class HypernetworkConv2d(PerSampleConv2d):
    """θ = θ0 + h(e), with h two linear layers and a tanh between; h is 0 at the start.

    The tanh keeps the filters bounded, whatever the input. θ are all weights and biases of the
    convolution, e the metadata embedding. Sources: HyperSpace (ImFusionGmbH/HyperSpace),
    JJGO/hyperlight for θ0 + h, and MLNN (Zhang & Wah), a base network with a supplementary one for
    the metadata.
    """

    def __init__(self, inputs: int, outputs: int, size: int, *, bias: bool) -> None:
        super().__init__(inputs, outputs, bias=bias)
        self.hidden = nn.Linear(size, HIDDEN)
        self.generator = zero_linear(HIDDEN, self.weight.numel() + outputs)

    def filters(self, m: Tensor, x: Tensor | None) -> tuple[Tensor, Tensor]:
        """θ0 + h."""
        change = self.generator(torch.tanh(self.hidden(self.context(m, x))))
        weight, bias = change.split([self.weight.numel(), self.out_channels], dim=1)
        weight = weight.unflatten(1, self.weight.shape)
        return self.weight.contiguous() + weight, self.plain_bias() + bias

    def context(self, m: Tensor, x: Tensor | None) -> Tensor:
        """What the small network sees, (N, size)."""
        return m


class DynamicFilterConv2d(HypernetworkConv2d):
    """θ = θ0 + h([s; m]) with s the channel means of the convolution's input.

    Source: Dynamic Filter Networks, Jia et al. 2016 (arXiv 1605.09673), as a residual.
    """

    reads_image = True

    def __init__(self, inputs: int, outputs: int, metadata_size: int, *, bias: bool) -> None:
        super().__init__(inputs, outputs, inputs + metadata_size, bias=bias)

    def context(self, m: Tensor, x: Tensor | None) -> Tensor:
        """Channel means, then metadata."""
        return torch.cat([channel_means(x), m], dim=1)
