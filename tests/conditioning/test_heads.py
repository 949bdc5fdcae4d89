"""Heads that metadata choose or write, against their equations."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from napari_metaseg.conditioning.heads import DynamicHead, MultiHead

C, K, M = 6, 2, 4


@pytest.fixture
def features():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield torch.randn(3, C, 4, 5), torch.randn(3, M), torch.randn(3, 7, 2, 2)


def one_by_one(head, x):
    return [
        F.conv2d(x, weight, bias)
        for weight, bias in zip(head.heads.weight.split(K), head.heads.bias.split(K), strict=True)
    ]


def test_a_category_has_its_own_head_and_unknown_is_their_mean(features):
    x, _, deepest = features
    head = MultiHead(C, K, (1, 2, 3))
    m = torch.tensor([[1.0, 0, 1, 0], [-1, 0, 0, 0], [0, 1, 0, 1]])
    each = one_by_one(head, x)
    y = head(x, m, deepest)
    torch.testing.assert_close(y[0], each[1][0])
    torch.testing.assert_close(y[1], (each[0][1] + each[1][1] + each[2][1]) / 3)
    torch.testing.assert_close(y[2], (each[0][2] + each[2][2]) / 2)


def test_a_dynamic_head_reads_bottleneck_and_metadata(features):
    x, m, deepest = features
    head = DynamicHead(C, K, 7, M)
    y = head(x, m, deepest)
    for n in range(3):
        means = torch.stack([plane.mean() for plane in deepest[n]])
        theta = head.controller.weight @ torch.cat([means, m[n]]) + head.controller.bias
        z, at = x[n], 0
        for inputs, outputs in ((C, 8), (8, 8), (8, K)):
            weight = theta[at : at + inputs * outputs].reshape(outputs, inputs)
            at += inputs * outputs
            bias = theta[at : at + outputs]
            at += outputs
            z = torch.einsum("oi,iyx->oyx", weight, z) + bias[:, None, None]
            z = z if outputs == K else z.clamp(min=0)
        assert at == len(theta)
        torch.testing.assert_close(y[n], z, atol=1e-4, rtol=1e-4)
