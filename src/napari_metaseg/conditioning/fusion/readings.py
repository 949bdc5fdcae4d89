"""What "Fw·W" can mean: each reading says how F changes the filters W (Cout, Cin, 3, 3)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

KERNEL = 3


@dataclass(frozen=True)
class Reading:
    """One meaning of the product.

    `shape` gives F's shape for (Cout, Cin); `apply` the filters (N, Cout, Cin, 3, 3) for W and
    F (N, *shape). `start` is F's start before its tanh, where 0 would silence the layer. `wide`
    says that F grows with the channels, so that its generator passes `rank` numbers first.
    """

    shape: Callable[[int, int], tuple[int, ...]]
    apply: Callable[[Tensor, Tensor], Tensor]
    start: Callable[[int, int], Tensor] | None = None
    wide: bool = True


def _full(outputs: int, inputs: int) -> tuple[int, ...]:
    return (outputs, inputs, KERNEL, KERNEL)


def _kernel(outputs: int, inputs: int) -> tuple[int, ...]:
    return (KERNEL, KERNEL)


def elementwise(weight: Tensor, f: Tensor) -> Tensor:
    """W ⊙ (1 + F), one number of F for each weight."""
    return weight * (1 + f)


def literal(weight: Tensor, f: Tensor) -> Tensor:
    """W ⊙ F, one number of F for each weight, no residual: as the paper writes it."""
    return weight * f


def spatial(weight: Tensor, f: Tensor) -> Tensor:
    """W ⊙ (1 + F) with one number of F (3, 3) for each position in the kernel."""
    return weight * (1 + f[:, None, None])


def matrix(weight: Tensor, f: Tensor) -> Tensor:
    """The matrix product F·W[o, i] of F (3, 3) with every 3×3 kernel, no residual."""
    return torch.einsum("nab,oibl->noial", f, weight)


READINGS: Mapping[str, Reading] = {
    "elementwise": Reading(_full, elementwise),
    "literal": Reading(_full, literal, start=lambda o, i: torch.ones(_full(o, i))),
    "spatial": Reading(_kernel, spatial, wide=False),
    "matrix": Reading(_kernel, matrix, start=lambda o, i: torch.eye(KERNEL), wide=False),
}


def channel_matrix(f: Tensor) -> Tensor:
    """I + F/√C for F (N, C, C) in [-1, 1]: the change stays of the identity's size."""
    size = f.shape[-1]
    return torch.eye(size, dtype=f.dtype, device=f.device) + f / math.sqrt(size)
