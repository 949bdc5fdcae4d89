"""The one place that turns a method's name into layers: a network asks it for its parts."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from napari_metaseg.conditioning.blocks import ME, SE, SME, ChannelAffine, FiLM
from napari_metaseg.conditioning.fusion import LowRankFusionConv2d, SteerableConv2d

EMBEDDING_SIZE = 32


@dataclass(frozen=True)
class Conditioner:
    """Makes the parts of a network that metadata acts on.

    `sites` are the stages that are conditioned; elsewhere the parts are plain.
    """

    method: str
    sites: frozenset[str]
    metadata_size: int
    rank: int = 4
    reduction: int = 2

    def embedding(self) -> nn.Module:
        """What every block's metadata passes first, (N, M) to (N, E).

        FiLM and fusion share one small perceptron, so that a block's own generator can stay linear;
        the gates have hidden layers of their own and take the metadata as it is.
        """
        if self.method not in ("film", "fusion-lowrank"):
            return nn.Identity()
        return nn.Sequential(
            nn.Linear(self.metadata_size, EMBEDDING_SIZE),
            nn.SiLU(),
            nn.Linear(EMBEDDING_SIZE, EMBEDDING_SIZE),
            nn.SiLU(),
        )

    def conv(self, stage: str, inputs: int, outputs: int, *, bias: bool) -> SteerableConv2d:
        """A 3×3 convolution of the stage."""
        if self.method == "fusion-lowrank" and stage in self.sites:
            size = EMBEDDING_SIZE
            return LowRankFusionConv2d(inputs, outputs, size, rank=self.rank, bias=bias)
        return SteerableConv2d(inputs, outputs, bias=bias)

    def before_relu(self, stage: str, channels: int) -> ChannelAffine | None:
        """What stands between a convolution's norm and its ReLU."""
        if self.method == "film" and stage in self.sites:
            return FiLM(channels, EMBEDDING_SIZE)
        return None

    def after_stage(self, stage: str, channels: int) -> ChannelAffine | None:
        """What follows the last ReLU of a stage."""
        if stage not in self.sites:
            return None
        if self.method == "se":
            return SE(channels, self.reduction)
        if self.method == "me":
            return ME(channels, self.metadata_size)
        if self.method == "sme":
            return SME(channels, self.metadata_size)
        return None


def rows(m: Tensor | None, samples: int, size: int, like: Tensor) -> Tensor:
    """Metadata as (N, M) for the batch: None is "all unknown", a single row serves every sample."""
    if m is None or not size:
        return like.new_zeros(samples, size)
    if m.shape[-1] != size:
        raise ValueError(f"metadata has {m.shape[-1]} numbers, the network takes {size}")
    return m.to(like.device, like.dtype).expand(samples, size)
