"""The U-Net3 of arXiv 2308.09411, with its published layer shapes and numbers of parameters."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_metaseg.conditioning.blocks import ChannelAffine
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.unet import build_network, count_parameters

PLAIN = 1_454_402


def published(method, metadata_size=0, **options):
    settings = {"architecture": "published-unet3", "in_channels": 3, "out_channels": 2} | options
    return build_network(NetworkConfig(method=method, metadata_size=metadata_size, **settings), 0)


@pytest.mark.parametrize(
    ("method", "metadata_size", "more"),
    [("none", 0, 0), ("se", 0, 66_256), ("me", 2, 47_520), ("sme", 2, 72_193)],
)
def test_numbers_of_parameters(method, metadata_size, more):
    """Published, in thousands: SE 66, ME 48, SME 72 more than the plain network."""
    assert count_parameters(published(method, metadata_size)) == PLAIN + more


def test_bilinear_upsampling_has_nothing_to_learn():
    assert count_parameters(published("none", upsampling="bilinear")) == PLAIN - 5 * 16_448


def test_layer_shapes():
    network = published("none")
    stages = [*network.encoder, network.bottleneck, *network.decoder]
    assert len(stages) == 11
    inputs = [3, *[64] * 5, *[128] * 5]
    for stage, first in zip(stages, inputs, strict=True):
        shapes = [tuple(unit.conv.weight.shape) for unit in stage.units]
        assert shapes == [(64, first, 3, 3), (64, 64, 3, 3), (64, 64, 3, 3)]
        assert all(unit.conv.bias is not None for unit in stage.units)
        assert all(isinstance(unit.norm, nn.BatchNorm2d) for unit in stage.units)
    assert [tuple(up.weight.shape) for up in network.ups] == [(64, 64, 2, 2)] * 5
    assert tuple(network.head.weight.shape) == (2, 64, 1, 1)


@pytest.mark.parametrize(
    ("method", "sizes"),
    [("se", (64, 32, 128)), ("me", (2, 32, 128)), ("sme", (66, 33, 128))],
)
def test_a_block_after_every_stage(method, sizes):
    network = published(method, 2)
    gates = [module for module in network.modules() if isinstance(module, ChannelAffine)]
    found = [(g.squeeze.in_features, g.squeeze.out_features, g.excite.out_features) for g in gates]
    halved = (64, 16, 128) if method == "se" else sizes
    assert found == [*[sizes] * 5, halved, *[sizes] * 5]


def test_blocks_stand_behind_the_last_relu():
    network = published("me", 2, width=4, depth=1).eval()
    seen = []
    network.bottleneck.gate.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network(torch.randn(1, 3, 8, 8), torch.randn(1, 2))
    assert seen[0].min() == 0
    assert seen[0].max() > 0
