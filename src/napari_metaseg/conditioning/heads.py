"""The last layer: features of the full resolution to logits, plain or chosen by metadata."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_metaseg.conditioning.blocks import channel_means
from napari_metaseg.conditioning.steerable import convolve_each

Layers = list[tuple[Tensor, Tensor]]
"""1×1 layers, each weight (K, C, 1, 1) and bias (K,); a ReLU stands between two."""


class Head(nn.Conv2d):
    """One 1×1 convolution for every image."""

    reads_image = False

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 1)

    def forward(self, x: Tensor, m: Tensor, deepest: Tensor) -> Tensor:  # type: ignore[override]
        """Logits (N, K, Y, X) for features, metadata (N, M) and the bottleneck's features."""
        return super().forward(x)

    def folded(self, m: Tensor, deepest: Tensor | None = None) -> Layers:
        """The layers that equal this head for one metadata row (M,)."""
        assert self.bias is not None
        return [(self.weight, self.bias)]


class MultiHead(nn.Module):
    """One 1×1 head for each category of a field; the presence of the category chooses.

    y = Σ_k p_k head_k(x), where p are the metadata columns of the categories, negative ones as 0,
    divided by their sum; where all are 0 (unknown), the mean of the heads.
    """

    reads_image = False

    def __init__(self, inputs: int, outputs: int, columns: Sequence[int]) -> None:
        super().__init__()
        self.columns = list(columns)
        self.heads = nn.Conv2d(inputs, outputs * len(columns), 1)

    def forward(self, x: Tensor, m: Tensor, deepest: Tensor) -> Tensor:
        """Logits (N, K, Y, X) for features, metadata (N, M) and the bottleneck's features."""
        logits = self.heads(x).unflatten(1, (len(self.columns), -1))
        mixed: Tensor = (logits * self.shares(m)[:, :, None, None, None]).sum(dim=1)
        return mixed

    def shares(self, m: Tensor) -> Tensor:
        """Each head's share in the result, (N, heads); they add up to 1."""
        known = F.relu(m[:, self.columns])
        total = known.sum(dim=1, keepdim=True)
        even = torch.full_like(known, 1 / len(self.columns))
        return torch.where(total > 0, known / total.clamp_min(1e-12), even)

    def folded(self, m: Tensor, deepest: Tensor | None = None) -> Layers:
        """The chosen head, or the mixture of heads, as one layer."""
        assert self.heads.bias is not None
        share = self.shares(m[None])[0]
        count = len(self.columns)
        weight = self.heads.weight.reshape(count, -1, *self.heads.weight.shape[1:])
        bias = self.heads.bias.reshape(count, -1)
        return [(torch.einsum("h,hkcyx->kcyx", share, weight), share @ bias)]


class DynamicHead(nn.Module):
    """Three 1×1 layers (8, 8 and K channels) whose weights are linear in [s; m].

    s is the mean of each channel of the bottleneck over the plane. Source: DoDNet, Zhang et al.
    2021 (arXiv 2011.10217), with the metadata in place of the one-hot task.
    """

    reads_image = True
    HIDDEN = 8

    def __init__(self, inputs: int, outputs: int, deepest: int, metadata_size: int) -> None:
        super().__init__()
        sizes = [inputs, self.HIDDEN, self.HIDDEN, outputs]
        self.sizes = [(b, a) for a, b in pairwise(sizes)]
        count = sum(b * a + b for b, a in self.sizes)
        self.controller = nn.Linear(deepest + metadata_size, count)

    def forward(self, x: Tensor, m: Tensor, deepest: Tensor) -> Tensor:
        """Logits (N, K, Y, X) for features, metadata (N, M) and the bottleneck's features."""
        for i, (weight, bias) in enumerate(self.layers(m, deepest)):
            x = convolve_each(F.relu(x) if i else x, weight) + bias[:, :, None, None]
        return x

    def layers(self, m: Tensor, deepest: Tensor | None) -> Layers:
        """Weight (N, K, C, 1, 1) and bias (N, K) of each layer."""
        numbers = self.controller(torch.cat([channel_means(deepest), m], dim=1))
        parts = numbers.split([n for b, a in self.sizes for n in (b * a, b)], dim=1)
        shapes = [(b, a, 1, 1) for b, a in self.sizes]
        weights = [p.unflatten(1, shape) for p, shape in zip(parts[::2], shapes, strict=True)]
        return list(zip(weights, parts[1::2], strict=True))

    def folded(self, m: Tensor, deepest: Tensor | None = None) -> Layers:
        """The three layers for one metadata row (M,) and one plane's bottleneck (1, C, Y, X)."""
        return [(weight[0], bias[0]) for weight, bias in self.layers(m[None], deepest)]
