"""Early fusion: metadata as constant planes beside the image."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_metaseg.conditioning.steerable import SteerableConv2d


class EarlyFusionConv2d(SteerableConv2d):
    """The first convolution, over the image and one constant plane for each metadata number.

    Written as conv(x; W) + conv(planes; P): a constant plane is m_e times a plane of ones, so one
    plane of ones with the filters Σ_e m_e P_e does for all. Zero padding meets the planes as it
    meets the image, which is why a bias could not replace them along the border.
    """

    adds_plane = True

    def __init__(self, inputs: int, outputs: int, metadata_size: int, *, bias: bool) -> None:
        super().__init__(inputs, outputs, bias=bias)
        self.planes = nn.Parameter(torch.empty(outputs, metadata_size, 3, 3))
        fan_in = 9 * (inputs + metadata_size)
        nn.init.normal_(self.planes, std=math.sqrt(2 / fan_in))

    def forward(self, x: Tensor, m: Tensor) -> Tensor:  # type: ignore[override]
        """Features (N, Cout, Y, X) for an image (N, Cin, Y, X) and metadata (N, M)."""
        ones = x.new_ones(1, 1, *x.shape[2:])
        filters = self.plane_filters(m).flatten(0, 1)[:, None]
        response = F.conv2d(ones, filters, padding=1)
        return super().forward(x, m) + response.reshape(len(m), -1, *x.shape[2:])

    def plane_filters(self, m: Tensor) -> Tensor:
        """The filters of the plane of ones, (N, Cout, 3, 3)."""
        return torch.einsum("ne,oekl->nokl", m, self.planes)

    def folded(self, m: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Weight (Cout, Cin + 1, 3, 3), the last channel for a plane of ones, and bias."""
        weight, bias = super().folded(m)
        return torch.cat([weight, self.plane_filters(m[None])[0][:, None]], dim=1), bias
