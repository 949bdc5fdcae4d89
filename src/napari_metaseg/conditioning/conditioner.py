"""The one place that turns a method's name into layers: a network asks it for its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from napari_metaseg.conditioning.blocks import (
    ME,
    SE,
    SME,
    ChannelAffine,
    FiLM,
    JointFusion,
    SigmoidFiLM,
)
from napari_metaseg.conditioning.early import EarlyFusionConv2d
from napari_metaseg.conditioning.fusion.convolutions import (
    EigenFusionConv2d,
    InFusionConv2d,
    MatrixEigenFusionConv2d,
    OutFusionConv2d,
    ReadingFusionConv2d,
)
from napari_metaseg.conditioning.fusion.generators import Fused, FusionSpec, GeneratorKind
from napari_metaseg.conditioning.fusion.lowrank import LowRankFusionConv2d
from napari_metaseg.conditioning.fusion.readings import READINGS
from napari_metaseg.conditioning.heads import DynamicHead, Head, MultiHead
from napari_metaseg.conditioning.hypernetwork import DynamicFilterConv2d, HypernetworkConv2d
from napari_metaseg.conditioning.mixture import MixtureConv2d
from napari_metaseg.conditioning.steerable import SteerableConv2d

EMBEDDING_SIZE = 32
_STEEPNESS = 3.0

_FUSIONS: Mapping[str, Callable[..., SteerableConv2d]] = {
    "fusion-lowrank": LowRankFusionConv2d,
    "fusion-matrix-eigen": MatrixEigenFusionConv2d,
    "fusion-eigen": EigenFusionConv2d,
    "fusion-out": OutFusionConv2d,
    "fusion-in": InFusionConv2d,
}
_EIGEN = ("fusion-eigen", "fusion-matrix-eigen")
_EMBEDDED = ("film", "film-sigmoid", "hypernetwork", "mixture")


@dataclass(frozen=True)
class Conditioner:
    """Makes the parts of a network that metadata acts on.

    `sites` are the stages that are conditioned; elsewhere the parts are plain. `fuse` and
    `generator` are for parameter fusion, `rank` also counts the filters of a mixture,
    `head_columns` are for multi-head. `published` is the U-Net3 of arXiv 2308.09411, whose SE
    block at the bottleneck has half the hidden size.
    """

    method: str
    sites: frozenset[str]
    metadata_size: int
    rank: int = 4
    reduction: int = 2
    fuse: Fused = "both"
    generator: GeneratorKind = "learned"
    head_columns: tuple[int, ...] = ()
    published: bool = False

    @property
    def embeds(self) -> bool:
        """Whether blocks see a learned embedding of the metadata, not the metadata themselves.

        One small perceptron is shared, so that a block's own generator can stay linear. Gates
        have hidden layers of their own, a fixed generator must not follow a moving embedding, and
        eigenvalues belong to single metadata numbers.
        """
        if self.method.startswith("fusion-"):
            return self.generator == "learned" and self.method not in _EIGEN
        return self.method in _EMBEDDED

    @property
    def steering_size(self) -> int:
        """The length of the rows that every block sees."""
        return EMBEDDING_SIZE if self.embeds else self.metadata_size

    def embedding(self) -> nn.Module:
        """What every block's metadata passes first, (N, M) to (N, `steering_size`).

        Its first layer starts steep, so that its units bend at many places between -1 and 1 and
        neighbouring magnifications already differ: features drawn at random, as in Rahimi & Recht,
        NIPS 2007. A flat start learns the same hundreds of steps later.
        """
        if not self.embeds:
            return nn.Identity()
        first = nn.Linear(self.metadata_size, EMBEDDING_SIZE)
        nn.init.normal_(first.weight, std=_STEEPNESS)
        nn.init.uniform_(first.bias, -_STEEPNESS, _STEEPNESS)
        return nn.Sequential(
            first,
            nn.SiLU(),
            nn.Linear(EMBEDDING_SIZE, EMBEDDING_SIZE),
            nn.SiLU(),
        )

    def conv(
        self, stage: str, inputs: int, outputs: int, *, bias: bool, first: bool = False
    ) -> SteerableConv2d:
        """A 3×3 convolution of the stage; `first` is the one that meets the image."""
        size = self.steering_size
        if self.method == "early" and first:
            return EarlyFusionConv2d(inputs, outputs, size, bias=bias)
        if stage not in self.sites:
            return SteerableConv2d(inputs, outputs, bias=bias)
        if self.method.startswith("fusion-"):
            return self._fusion(inputs, outputs, bias)
        if self.method == "hypernetwork":
            return HypernetworkConv2d(inputs, outputs, size, bias=bias)
        if self.method == "dynamic-filters":
            return DynamicFilterConv2d(inputs, outputs, size, bias=bias)
        if self.method == "mixture":
            return MixtureConv2d(inputs, outputs, size, experts=self.rank, bias=bias)
        return SteerableConv2d(inputs, outputs, bias=bias)

    def _fusion(self, inputs: int, outputs: int, bias: bool) -> SteerableConv2d:
        spec = FusionSpec(self.steering_size, self.fuse, self.generator, self.rank)
        if self.method in _FUSIONS:
            return _FUSIONS[self.method](inputs, outputs, spec, bias=bias)
        reading = self.method.removeprefix("fusion-")
        assert reading in READINGS
        return ReadingFusionConv2d(inputs, outputs, spec, reading, bias=bias)

    def before_relu(self, stage: str, channels: int) -> ChannelAffine | None:
        """What stands between a convolution's norm and its ReLU."""
        if stage not in self.sites:
            return None
        if self.method == "film":
            return FiLM(channels, self.steering_size)
        if self.method == "film-sigmoid":
            return SigmoidFiLM(channels, self.steering_size)
        return None

    def after_stage(self, stage: str, channels: int) -> ChannelAffine | None:
        """What follows the last ReLU of a stage."""
        if self.method == "joint" and stage == "bottleneck":
            return JointFusion(channels, self.metadata_size)
        if stage not in self.sites:
            return None
        if self.method == "se":
            halved = self.published and stage == "bottleneck"
            return SE(channels, self.reduction * (2 if halved else 1))
        if self.method == "me":
            return ME(channels, self.metadata_size)
        if self.method == "sme":
            return SME(channels, self.metadata_size)
        return None

    def head(self, inputs: int, outputs: int, deepest: int) -> Head | MultiHead | DynamicHead:
        """The last layer; `deepest` is the bottleneck's number of channels."""
        if self.method == "multi-head":
            return MultiHead(inputs, outputs, self.head_columns)
        if self.method == "dynamic-head":
            return DynamicHead(inputs, outputs, deepest, self.metadata_size)
        return Head(inputs, outputs)


def rows(m: Tensor | None, samples: int, size: int, like: Tensor) -> Tensor:
    """Metadata as (N, M) for the batch: None is "all unknown", a single row serves every sample."""
    if m is None or not size:
        return like.new_zeros(samples, size)
    if m.shape[-1] != size:
        raise ValueError(f"metadata has {m.shape[-1]} numbers, the network takes {size}")
    return m.to(like.device, like.dtype).expand(samples, size)
