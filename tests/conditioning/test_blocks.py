"""The blocks against their published equations, written out in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_metaseg.conditioning.blocks import ME, SE, SME, FiLM, JointFusion, SigmoidFiLM


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


def test_film_with_a_sigmoid_can_only_attenuate(batch):
    x, m = batch
    film = SigmoidFiLM(6, 4)
    numbers = 1 / (1 + np.exp(-linear(film.generator, m.numpy())))
    gamma, beta = numbers[:, :6, None, None], numbers[:, 6:, None, None]
    np.testing.assert_allclose(film(x, m).detach().numpy(), gamma * x.numpy() + beta, atol=1e-5)
    assert 0 < gamma.min() < gamma.max() < 1


def test_joint_fusion_adds_one_vector_at_every_pixel(batch):
    x, m = batch
    joint = JointFusion(6, 4)
    assert torch.equal(joint(x, m), x)
    torch.nn.init.normal_(joint.generator.weight)
    inputs = np.concatenate([x.numpy().mean(axis=(2, 3)), m.numpy()], axis=1)
    vector = linear(joint.generator, np.maximum(linear(joint.join, inputs), 0))
    expected = x.numpy() + vector[:, :, None, None]
    np.testing.assert_allclose(joint(x, m).detach().numpy(), expected, atol=1e-5)
