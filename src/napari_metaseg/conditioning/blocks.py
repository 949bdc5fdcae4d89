"""Blocks that scale and shift each channel of a feature map: FiLM, SE, ME, SME, joint fusion.

Shapes: features (N, C, Y, X); metadata (N, M), one row per sample, whose meaning is the schema's
(FiLM takes an embedding of it). Sources: FiLM, Perez et al. 2018 (arXiv 1709.07871), and with the
sigmoid of neuropoly/ivadomed; SE, ME and SME, arXiv 2308.09411 as its public code has them
(akvilonBrown/sme-metadata), where the gate also shifts.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_metaseg.conditioning.steerable import zero_linear


class ChannelAffine(nn.Module):
    """y = x · scale + shift with one scale and one shift per sample and channel.

    Subclasses say where the two come from. `reads_image` tells whether they need the features, and
    so whether the block can be computed before any image is seen.
    """

    reads_image = False

    def scale_and_shift(self, x: Tensor | None, m: Tensor) -> tuple[Tensor, Tensor]:
        """Scale and shift, each (N, C); `x` may be None unless the block reads the image."""
        raise NotImplementedError

    def forward(self, x: Tensor, m: Tensor) -> Tensor:
        """The features, scaled and shifted, in the same shape."""
        scale, shift = self.scale_and_shift(x, m)
        return torch.addcmul(shift[:, :, None, None], x, scale[:, :, None, None])


class FiLM(ChannelAffine):
    """y = (1 + γ) x + β, (γ, β) linear in the metadata embedding; both are 0 at the start."""

    def __init__(self, channels: int, metadata_size: int) -> None:
        super().__init__()
        self.generator = zero_linear(metadata_size, 2 * channels)

    def scale_and_shift(self, x: Tensor | None, m: Tensor) -> tuple[Tensor, Tensor]:
        """1 + γ and β."""
        gamma, beta = self.generator(m).chunk(2, dim=1)
        return 1 + gamma, beta


class SigmoidFiLM(ChannelAffine):
    """y = γ x + β with (γ, β) = σ(A e + c), e the metadata embedding, as ivadomed has it.

    γ lies in (0, 1): it can only attenuate.
    """

    def __init__(self, channels: int, metadata_size: int) -> None:
        super().__init__()
        self.generator = nn.Linear(metadata_size, 2 * channels)

    def scale_and_shift(self, x: Tensor | None, m: Tensor) -> tuple[Tensor, Tensor]:
        """γ and β."""
        gamma, beta = torch.sigmoid(self.generator(m)).chunk(2, dim=1)
        return gamma, beta


class JointFusion(ChannelAffine):
    """y = x + L2(ReLU(L1([s; m]))): fully connected layers join image and metadata.

    s are the channel means; the result is added at every pixel. It is 0 at the start.
    """

    reads_image = True

    def __init__(self, channels: int, metadata_size: int) -> None:
        super().__init__()
        self.join = nn.Linear(channels + metadata_size, channels)
        self.generator = zero_linear(channels, channels)

    def scale_and_shift(self, x: Tensor | None, m: Tensor) -> tuple[Tensor, Tensor]:
        """1 and the joint vector."""
        joint = torch.relu(self.join(torch.cat([channel_means(x), m], dim=1)))
        shift: Tensor = self.generator(joint)
        return torch.ones_like(shift), shift


class Gate(ChannelAffine):
    """y = x · σ(a) + β with (a, β) = L2(ReLU(L1(input))): the common form of SE, ME and SME."""

    def __init__(self, input_size: int, hidden: int, channels: int) -> None:
        super().__init__()
        hidden = max(1, hidden)
        self.squeeze = nn.Linear(input_size, hidden)
        self.excite = nn.Linear(hidden, 2 * channels)

    def scale_and_shift(self, x: Tensor | None, m: Tensor) -> tuple[Tensor, Tensor]:
        """σ(a) and β."""
        hidden = torch.relu(self.squeeze(self.gate_input(x, m)))
        a, beta = self.excite(hidden).chunk(2, dim=1)
        return torch.sigmoid(a), beta

    def gate_input(self, x: Tensor | None, m: Tensor) -> Tensor:
        """What the gate sees, (N, input size)."""
        raise NotImplementedError


class SE(Gate):
    """Gate on the image alone: s, the mean of each channel over the plane; hidden C / reduction."""

    reads_image = True

    def __init__(self, channels: int, reduction: int = 2) -> None:
        super().__init__(channels, channels // reduction, channels)

    def gate_input(self, x: Tensor | None, m: Tensor) -> Tensor:
        """The channel means."""
        return channel_means(x)


class ME(Gate):
    """Gate on metadata alone; hidden C / 2."""

    def __init__(self, channels: int, metadata_size: int) -> None:
        super().__init__(metadata_size, channels // 2, channels)

    def gate_input(self, x: Tensor | None, m: Tensor) -> Tensor:
        """The metadata."""
        return m


class SME(Gate):
    """Gate on [s; m], the channel means and the metadata; hidden (C + M) // 2."""

    reads_image = True

    def __init__(self, channels: int, metadata_size: int) -> None:
        size = channels + metadata_size
        super().__init__(size, size // 2, channels)

    def gate_input(self, x: Tensor | None, m: Tensor) -> Tensor:
        """Channel means, then metadata."""
        return torch.cat([channel_means(x), m], dim=1)


def channel_means(x: Tensor | None) -> Tensor:
    """The mean of each channel over the plane, (N, C)."""
    if x is None:
        raise ValueError("this block reads the image: features are needed")
    return x.mean(dim=(2, 3))
