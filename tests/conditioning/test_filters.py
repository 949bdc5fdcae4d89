"""Hypernetwork, dynamic filters, mixture and early fusion against their equations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from napari_metaseg.conditioning.early import EarlyFusionConv2d
from napari_metaseg.conditioning.hypernetwork import DynamicFilterConv2d, HypernetworkConv2d
from napari_metaseg.conditioning.mixture import MixtureConv2d

CI, CO, M = 3, 4, 5


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture
def batch():
    return torch.randn(2, CI, 6, 7), torch.randn(2, M)


def stirred(conv):
    for parameter in conv.parameters():
        parameter.data.add_(0.3 * torch.randn_like(parameter))
    return conv


def affine(layer, row):
    return layer.weight @ row + layer.bias


@pytest.mark.parametrize("block", [HypernetworkConv2d, DynamicFilterConv2d])
def test_filters_are_the_base_and_what_the_small_network_adds(block, batch):
    x, m = batch
    conv = block(CI, CO, M, bias=True)
    torch.testing.assert_close(conv(x, m), F.conv2d(x, conv.weight, conv.bias, padding=1))
    stirred(conv)
    y = conv(x, m)
    for n in range(2):
        seen = torch.stack([plane.sum() / 42 for plane in x[n]])
        seen = m[n] if block is HypernetworkConv2d else torch.cat([seen, m[n]])
        change = affine(conv.generator, torch.tanh(affine(conv.hidden, seen)))
        weight = conv.weight + change[:-CO].reshape(CO, CI, 3, 3)
        expected = F.conv2d(x[n], weight, conv.bias + change[-CO:], padding=1)
        torch.testing.assert_close(y[n], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("bias", [True, False])
def test_a_mixture_adds_its_experts_outputs(bias, batch):
    """Mixing filters equals mixing what each expert gives, for a linear layer."""
    x, m = batch
    conv = stirred(MixtureConv2d(CI, CO, M, experts=3, bias=bias))
    y = conv(x, m)
    for n in range(2):
        share = 1 / (1 + np.exp(-affine(conv.generator, m[n]).detach().numpy()))
        expected = 0
        for k in range(3):
            weight = conv.weight if k == 0 else conv.experts[(k - 1) * CO : k * CO]
            shift = (conv.bias if k == 0 else conv.biases[k - 1]) if bias else None
            expected = expected + float(share[k]) * F.conv2d(x[n], weight, shift, padding=1)
        torch.testing.assert_close(y[n], expected, atol=1e-4, rtol=1e-4)


def test_early_fusion_is_a_convolution_over_image_and_constant_planes(batch):
    x, m = batch
    conv = stirred(EarlyFusionConv2d(CI, CO, M, bias=True))
    planes = m[:, :, None, None].expand(-1, -1, *x.shape[2:])
    weight = torch.cat([conv.weight, conv.planes], dim=1)
    expected = F.conv2d(torch.cat([x, planes], dim=1), weight, conv.bias, padding=1)
    torch.testing.assert_close(conv(x, m), expected, atol=1e-4, rtol=1e-4)


def test_a_folded_plane_of_ones_stands_for_all_metadata_planes(batch):
    x, m = batch
    conv = stirred(EarlyFusionConv2d(CI, CO, M, bias=True))
    weight, bias = conv.folded(m[0])
    assert weight.shape == (CO, CI + 1, 3, 3)
    with_ones = torch.cat([x[0], torch.ones_like(x[0, :1])])
    expected = F.conv2d(with_ones, weight, bias, padding=1)
    torch.testing.assert_close(conv(x, m)[0], expected, atol=1e-4, rtol=1e-4)
