"""What turns metadata into the numbers of Fw and Fb: learned with the images, or fixed before.

Every generator's output lies in [-1, 1] (tanh), the range that "Incorporating Metadata for Semantic
Segmentation" gives F.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

Fused = Literal["both", "weights", "bias"]
GeneratorKind = Literal["learned", "pretrained", "frozen"]


@dataclass(frozen=True)
class FusionSpec:
    """How a fusion layer gets its numbers.

    `metadata_size` is the length of the rows that arrive: an embedding of the metadata for learned
    generators, the metadata themselves for fixed ones and for eigenvalues.
    """

    metadata_size: int
    fuse: Fused = "both"
    kind: GeneratorKind = "learned"
    rank: int = 4

    @property
    def weights(self) -> bool:
        """Whether metadata changes the filters (Fw)."""
        return self.fuse != "bias"

    @property
    def bias(self) -> bool:
        """Whether metadata changes the bias (Fb)."""
        return self.fuse != "weights"

    def generator(
        self, outputs: int, *, start: Tensor | None = None, through: int = 0
    ) -> LearnedGenerator | FixedGenerator:
        """A generator of `outputs` numbers of the kind asked for; see `LearnedGenerator`."""
        if self.kind == "learned":
            return LearnedGenerator(self.metadata_size, outputs, start=start, through=through)
        return FixedGenerator(self.metadata_size, outputs)


class LearnedGenerator(nn.Module):
    """tanh(A m + c), trained with the images; A is 0 at the start, c is `start` (0 without).

    With `through`, m passes that many numbers first: tanh(A (B m + d) + c), which keeps A
    affordable where there is one output a weight.
    """

    def __init__(
        self, inputs: int, outputs: int, *, start: Tensor | None = None, through: int = 0
    ) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, through) if through else nn.Identity()
        self.last = nn.Linear(through or inputs, outputs)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        if start is not None:
            self.last.bias.data.copy_(start.flatten())

    def forward(self, m: Tensor) -> Tensor:
        """Numbers (N, outputs) in [-1, 1] for rows (N, inputs)."""
        return torch.tanh(self.last(self.first(m)))


class FixedGenerator(nn.Module):
    """tanh(B tanh(A m + c) + d) with random numbers that training with images never moves.

    The hidden layer is as wide as the metadata (4 at least), so that nothing of them is lost. Its
    parameters are parameters without gradient: a package holds them, an optimizer passes them by.
    `pretrain` may fit them first.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        hidden = max(4, inputs)
        self.first, self.last = nn.Linear(inputs, hidden), nn.Linear(hidden, outputs)
        for layer in (self.first, self.last):
            nn.init.normal_(layer.weight, std=1 / math.sqrt(layer.in_features))
            nn.init.normal_(layer.bias, std=0.5)
        self.requires_grad_(False)

    def forward(self, m: Tensor) -> Tensor:
        """Numbers (N, outputs) in [-1, 1] for rows (N, inputs)."""
        return self.numbers(m, None)

    def numbers(self, m: Tensor, chosen: Tensor | None) -> Tensor:
        """The outputs, or those of them that `chosen` (indexes) names."""
        weight: Tensor = self.last.weight
        bias: Tensor = self.last.bias
        if chosen is not None:
            weight, bias = weight[chosen], bias[chosen]
        return torch.tanh(nn.functional.linear(torch.tanh(self.first(m)), weight, bias))
