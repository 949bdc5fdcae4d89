"""The U-Net (Ronneberger et al. 2015, arXiv 1505.04597) whose parts may depend on metadata."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_metaseg.conditioning.conditioner import Conditioner, rows
from napari_metaseg.conditioning.fusion.pretrain import pretrain_generators
from napari_metaseg.conditioning.sites import resolve_sites
from napari_metaseg.networks.config import NetworkConfig

_Sizes = tuple[int, int]


class ConvUnit(nn.Module):
    """Convolution, norm, modulation, ReLU; `first` is the unit that meets the image.

    A norm makes the convolution's own bias idle, so there is none then, except as published.
    """

    def __init__(
        self, config: NetworkConfig, parts: Conditioner, stage: str, sizes: _Sizes, *, first: bool
    ) -> None:
        super().__init__()
        inputs, outputs = sizes
        normed = config.norm == "batch"
        bias = not normed or config.architecture == "published-unet3"
        self.conv = parts.conv(stage, inputs, outputs, bias=bias, first=first)
        self.norm = nn.BatchNorm2d(outputs) if normed else None
        self.modulate = parts.before_relu(stage, outputs)

    def forward(self, x: Tensor, m: Tensor) -> Tensor:
        """Features (N, C, Y, X) for features and metadata (N, E)."""
        x = self.conv(x, m)
        if self.norm is not None:
            x = self.norm(x)
        if self.modulate is not None:
            x = self.modulate(x, m)
        return F.relu_(x)


class Stage(nn.Module):
    """The units at one level, then the gate that closes the stage."""

    def __init__(
        self, config: NetworkConfig, parts: Conditioner, stage: str, inputs: int, outputs: int
    ) -> None:
        super().__init__()
        sizes = [inputs] + [outputs] * config.convs_per_stage
        self.units = nn.ModuleList(
            ConvUnit(config, parts, stage, pair, first=stage == "enc1" and not i)
            for i, pair in enumerate(pairwise(sizes))
        )
        self.gate = parts.after_stage(stage, outputs)

    def forward(self, x: Tensor, m: Tensor) -> Tensor:
        """Features (N, C, Y, X) for features and metadata (N, E)."""
        for unit in self.units:
            x = unit(x, m)
        return x if self.gate is None else self.gate(x, m)


class UNet(nn.Module):
    """The U's shape alone: encoder and decoder stages, upsamplings, and the head."""

    def __init__(
        self,
        encoder: Sequence[nn.Module],
        bottleneck: nn.Module,
        ups: Sequence[nn.Module],
        decoder: Sequence[nn.Module],
        head: nn.Module,
    ) -> None:
        super().__init__()
        self.encoder, self.bottleneck = nn.ModuleList(encoder), bottleneck
        self.ups, self.decoder = nn.ModuleList(ups), nn.ModuleList(decoder)
        self.head = head

    def run(self, x: Tensor, m: Tensor | None) -> Tensor:
        """Logits (N, K, Y, X) for an image (N, C, Y, X); `m` goes to every stage."""
        skips: list[Tensor] = []
        for stage in self.encoder:
            x = stage(x, m)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = deepest = self.bottleneck(x, m)
        for up, stage in zip(self.ups, self.decoder, strict=True):
            x = stage(torch.cat([skips.pop(), up(x)], dim=1), m)
        logits: Tensor = self.head(x, m, deepest)
        return logits


class ConditionedUNet(UNet):
    """The network that is trained: a U-Net whose filters or features depend on metadata."""

    def __init__(self, config: NetworkConfig) -> None:
        parts = _conditioner(config)
        sizes = config.widths
        inputs = [config.in_channels, *sizes[:-2]]
        levels = range(config.depth)
        rising = range(config.depth - 1, -1, -1)
        super().__init__(
            [Stage(config, parts, f"enc{i + 1}", inputs[i], sizes[i]) for i in levels],
            Stage(config, parts, "bottleneck", sizes[-2], sizes[-1]),
            [upsampling(config, sizes[i + 1], sizes[i]) for i in rising],
            [Stage(config, parts, f"dec{i + 1}", 2 * sizes[i], sizes[i]) for i in rising],
            parts.head(config.width, config.out_channels, sizes[-1]),
        )
        self.config = config
        self.embedding = parts.embedding()

    def forward(self, x: Tensor, m: Tensor | None = None) -> Tensor:
        """Logits (N, K, Y, X) for an image (N, C, Y, X) and metadata (N, M), one row per sample.

        Y and X must be multiples of `config.stride`. Metadata None means that every field is
        unknown; one row (M,) or (1, M) serves the whole batch.
        """
        return self.run(x, self.embed(m, x))

    def embed(self, m: Tensor | None, x: Tensor) -> Tensor:
        """The metadata as the blocks take it, (N, E), for the batch `x`."""
        embedded: Tensor = self.embedding(rows(m, len(x), self.config.metadata_size, x))
        return embedded


def _conditioner(config: NetworkConfig) -> Conditioner:
    return Conditioner(
        config.method,
        resolve_sites(config.sites, config.depth),
        config.metadata_size,
        rank=config.rank,
        reduction=config.reduction,
        fuse=config.fuse,
        generator=config.generator,
        head_columns=config.head_columns,
        published=config.architecture == "published-unet3",
    )


def upsampling(config: NetworkConfig, inputs: int, outputs: int) -> nn.Module:
    """Twice the size, and as many channels as the level above has.

    "nearest" and "bilinear" mix channels first, on the small plane, which equals mixing after and
    costs a quarter; where the number stays (the published U-Net3), nothing is mixed. "nearest" and
    "transposed" make each output pixel from one input pixel, so tiling stays exact.
    """
    if config.upsampling == "transposed":
        return nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
    bilinear = {"mode": "bilinear", "align_corners": True}
    grow = nn.Upsample(scale_factor=2, **(bilinear if config.upsampling == "bilinear" else {}))  # type: ignore[arg-type]
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1), grow) if inputs != outputs else grow


def build_network(config: NetworkConfig, seed: int) -> ConditionedUNet:
    """A new network, the same for the same seed on every machine.

    The base weights depend on the seed alone and not on the method, so two methods with one seed
    start from the same U-Net and can be compared in pairs. Pretrained generators are fitted here,
    on random metadata, in well under a second a layer.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + 1)
        network = ConditionedUNet(config)
        torch.manual_seed(seed)
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                _initialise(module)
        if config.generator == "pretrained":
            torch.manual_seed(seed + 2)
            pretrain_generators(network)
    return network


def count_parameters(network: nn.Module, *, trained_only: bool = True) -> int:
    """How many numbers training moves; with fixed generators' numbers too where asked for."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad or not trained_only)


def _initialise(conv: nn.Conv2d | nn.ConvTranspose2d) -> None:
    """He et al. 2015 (arXiv 1502.01852), which keeps variance through ReLUs; biases at 0."""
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
