"""Stages that keep the weights of the model they start from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from napari_metaseg.conditioning.sites import resolve_sites
from napari_metaseg.networks.unet import ConditionedUNet

NORMS = "norm"
"""The word for the statistics of every batch norm, in `TrainingRequest.frozen`."""


class Frozen:
    """The frozen parts of a network: their parameters learn nothing once this is made.

    `names` are stages or groups of them, or `NORMS` for the statistics of every batch norm. A
    decoder stage is frozen with the upsampling before it. A frozen batch norm keeps its statistics,
    or what follows it would not see what it learned from.
    """

    def __init__(self, network: ConditionedUNet, names: Sequence[str]) -> None:
        stages = resolve_sites([n for n in names if n != NORMS], network.config.depth)
        frozen = [part for stage in sorted(stages) for part in _parts(network, stage)]
        for module in frozen:
            module.requires_grad_(False)
        places = [network] if NORMS in names else frozen
        still = {id(module) for part in places for module in part.modules()}
        self._norms = {
            name: module
            for name, module in network.named_modules()
            if isinstance(module, _BatchNorm) and id(module) in still
        }
        self._network = network

    @property
    def norms(self) -> tuple[str, ...]:
        """The names of the batch norms that keep their statistics."""
        return tuple(self._norms)

    def train(self) -> None:
        """Put the network in training mode, but for what is frozen."""
        self._network.train()
        for norm in self._norms.values():
            norm.eval()


def _parts(network: ConditionedUNet, stage: str) -> Iterator[nn.Module]:
    if stage == "bottleneck":
        yield network.bottleneck
        return
    level = int(stage[3:]) - 1
    if stage.startswith("enc"):
        yield network.encoder[level]
        return
    rising = network.config.depth - 1 - level
    yield network.ups[rising]
    yield network.decoder[rising]
