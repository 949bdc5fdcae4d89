"""Eigen fusion: each metadata number owns a direction, and its value is the eigenvalue.

F(M) = I + Σ_p (λ_p − 1) u_p u_pᵀ with orthonormal u_p and λ_p = exp(κ·tanh(a_p z_p)), κ = 1:
positive, the identity at z = 0 (unknown), log-linear between trained values, so that unseen values
interpolate. Source: "Incorporating Metadata for Semantic Segmentation", its proposal for ordinal
and continuous values. Where there are more numbers than directions, number p acts on direction p
modulo their count, and the a_p z_p of one direction are added.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal

from napari_metaseg.conditioning.fusion.generators import GeneratorKind

KAPPA = 1.0


class EigenGenerator(nn.Module):
    """The matrix F (size × size) from metadata.

    Learned: U by an orthogonal parametrisation, a = 0 at the start, so F is the identity. Fixed:
    U from a QR decomposition of random numbers, a = 1.
    """

    owner: Tensor

    def __init__(self, metadata_size: int, size: int, kind: GeneratorKind) -> None:
        super().__init__()
        count = min(metadata_size, size)
        learned = kind == "learned"
        self.directions = nn.Linear(count, size, bias=False)
        nn.init.orthogonal_(self.directions.weight)
        self.gain = nn.Parameter(torch.full((metadata_size,), 0.0 if learned else 1.0))
        owner = torch.eye(count)[torch.arange(metadata_size) % count]
        self.register_buffer("owner", owner, persistent=False)
        if learned:
            # PyTorch's default map, Householder, loses columns once weight decay or a step moves
            # the signs on its diagonal, which it rounds towards 0.
            orthogonal(self.directions, orthogonal_map="cayley")
        else:
            self.requires_grad_(False)

    def numbers(self, m: Tensor, chosen: Tensor | None = None) -> Tensor:
        """The log λ / κ of every direction, (N, P), in [-1, 1]; `chosen` names some of them."""
        values = torch.tanh((self.gain * m) @ self.owner)
        return values if chosen is None else values[:, chosen]

    def forward(self, m: Tensor) -> Tensor:
        """F, (N, size, size), for metadata (N, M)."""
        excess = torch.expm1(KAPPA * self.numbers(m))
        u = self.directions.weight
        identity = torch.eye(len(u), dtype=u.dtype, device=u.device)
        return identity + (u * excess[:, None, :]) @ u.T
