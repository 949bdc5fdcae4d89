"""Fit fixed generators to reconstruct the metadata, before any image is seen."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_metaseg.conditioning.fusion.eigen import EigenGenerator
from napari_metaseg.conditioning.fusion.generators import FixedGenerator

_STEPS = 60
_BATCH = 64
_READ_AT_ONCE = 256
_KNOWN_SHARE = 0.8


def pretrain_generators(network: nn.Module) -> None:
    """Fit every fixed generator of the network, one by one, each for its own layer's shape.

    Random numbers come from torch's global state, so a caller that seeds it gets the same fit.
    """
    for module in network.modules():
        if isinstance(module, FixedGenerator):
            _fit(module, module.first.in_features, module.last.out_features)
        elif isinstance(module, EigenGenerator) and not module.gain.requires_grad:
            _fit(module, len(module.gain), module.owner.shape[1], [module.gain])


def _fit(
    generator: FixedGenerator | EigenGenerator,
    inputs: int,
    outputs: int,
    fitted: list[nn.Parameter] | None = None,
) -> None:
    """Train generator and a linear reader together: reader(generator(m)) = m, by mean squares.

    m are random rows in [-1, 1] with a fifth of the numbers unknown (0): no image and no table is
    needed, and any later metadata of that size are met. A step reads at most 256 of the outputs.
    """
    parameters = list(generator.parameters()) if fitted is None else fitted
    reader = nn.Linear(outputs, inputs)
    optimizer = torch.optim.Adam([*parameters, *reader.parameters()], lr=2e-2)
    for parameter in parameters:
        parameter.requires_grad_(True)
    for _ in range(_STEPS):
        m = random_metadata(_BATCH, inputs)
        chosen = torch.randperm(outputs)[:_READ_AT_ONCE]
        read = F.linear(generator.numbers(m, chosen), reader.weight[:, chosen], reader.bias)
        optimizer.zero_grad()
        F.mse_loss(read, m).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    for parameter in parameters:
        parameter.requires_grad_(False)
        parameter.grad = None


def random_metadata(rows: int, size: int) -> Tensor:
    """Rows (rows, size) in [-1, 1], a fifth of the numbers 0."""
    values = 2 * torch.rand(rows, size) - 1
    return values * (torch.rand(rows, size) < _KNOWN_SHARE)
