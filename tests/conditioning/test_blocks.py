"""The blocks against their published equations, written out in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from napari_metaseg.conditioning.blocks import ME, SE, SME, FiLM
from napari_metaseg.conditioning.fusion import LowRankFusionConv2d


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 6, 4, 5, generator=generator)
    return x, torch.randn(3, 4, generator=generator)


def linear(layer, rows):
    return rows @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()


@pytest.mark.parametrize(
    ("block", "reads", "hidden"),
    [(SE(6, 2), "image", 3), (ME(6, 4), "metadata", 3), (SME(6, 4), "both", 5)],
)
def test_gates_scale_by_a_sigmoid_and_shift(block, reads, hidden, batch):
    x, m = (tensor.numpy() for tensor in batch)
    means = x.mean(axis=(2, 3))
    inputs = {"image": means, "metadata": m, "both": np.concatenate([means, m], axis=1)}[reads]
    assert block.squeeze.out_features == hidden
    h = linear(block.excite, np.maximum(linear(block.squeeze, inputs), 0))
    a, beta = h[:, :6, None, None], h[:, 6:, None, None]
    expected = x / (1 + np.exp(-a)) + beta
    np.testing.assert_allclose(block(*batch).detach().numpy(), expected, atol=1e-5)


def test_film_can_amplify_and_starts_as_the_identity(batch):
    x, m = batch
    film = FiLM(6, 4)
    assert torch.equal(film(x, m), x)
    torch.nn.init.ones_(film.generator.weight)
    factor = m.sum(dim=1)[:, None, None, None]
    torch.testing.assert_close(film(x, m), (1 + factor) * x + factor)


def test_fusion_equals_each_sample_through_its_own_filters(batch):
    x, m = batch
    conv = LowRankFusionConv2d(6, 5, 4, rank=2, bias=True)
    assert torch.equal(conv(x, m), F.conv2d(x, conv.weight, conv.bias, padding=1))
    torch.nn.init.normal_(conv.generator.weight)
    one_by_one = []
    for image, row in zip(x, m, strict=True):
        numbers = conv.generator(row)
        weight = conv.weight + sum(
            numbers[r] * conv.spread[:, r, None, None, None] * conv.basis[r] for r in range(2)
        )
        one_by_one.append(F.conv2d(image, weight, conv.bias + numbers[2:], padding=1))
    torch.testing.assert_close(conv(x, m), torch.stack(one_by_one), atol=1e-4, rtol=1e-4)
