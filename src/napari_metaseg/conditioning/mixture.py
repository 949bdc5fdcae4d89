"""A bank of filters, mixed by metadata."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_metaseg.conditioning.steerable import PerSampleConv2d


class MixtureConv2d(PerSampleConv2d):
    """W = Σ_k α_k W_k with routing weights α = σ(R m); the first expert is the base's own W.

    The bias, where there is one, is mixed alike. Source: CondConv, Yang et al. 2019
    (arXiv 1904.04971), routed by metadata in place of the image's averages.
    """

    def __init__(
        self, inputs: int, outputs: int, metadata_size: int, *, experts: int, bias: bool
    ) -> None:
        super().__init__(inputs, outputs, bias=bias)
        self.generator = nn.Linear(metadata_size, experts)
        # The experts stand below each other: channels-last memory takes four axes only.
        self.experts = nn.Parameter(torch.empty((experts - 1) * outputs, inputs, 3, 3))
        self.biases = nn.Parameter(torch.zeros(experts - 1, outputs)) if bias else None
        nn.init.kaiming_normal_(self.experts, nonlinearity="relu")

    def filters(self, m: Tensor, x: Tensor | None) -> tuple[Tensor, Tensor]:
        """The mixed bank."""
        routing = torch.sigmoid(self.generator(m))
        bank = torch.cat([self.weight, self.experts]).reshape(-1, *self.weight.shape)
        weight = torch.einsum("nk,koihw->noihw", routing, bank)
        if self.biases is None:
            return weight, self.plain_bias()[None]
        return weight, routing @ torch.cat([self.plain_bias()[None], self.biases])
