"""Parameter fusion Y = [Fw(M)·W] X + [Fb(M) + b] against its equations, in plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_metaseg.conditioning.fusion.convolutions import (
    EigenFusionConv2d,
    InFusionConv2d,
    MatrixEigenFusionConv2d,
    OutFusionConv2d,
    ReadingFusionConv2d,
)
from napari_metaseg.conditioning.fusion.eigen import EigenGenerator
from napari_metaseg.conditioning.fusion.generators import (
    FixedGenerator,
    FusionSpec,
    LearnedGenerator,
)
from napari_metaseg.conditioning.fusion.lowrank import LowRankFusionConv2d
from napari_metaseg.conditioning.fusion.pretrain import pretrain_generators, random_metadata

CI, CO, M = 3, 4, 5


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def convolve(x, weight, bias):
    """Zero-padded correlation of (Ci, Y, X) with (Co, Ci, 3, 3), one product at a time."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    y = np.zeros((len(weight), *x.shape[1:])) + bias[:, None, None]
    for o, i, k, l in np.ndindex(weight.shape):  # noqa: E741
        y[o] += weight[o, i, k, l] * padded[i, k : k + x.shape[1], l : l + x.shape[2]]
    return y


def affine(layer, row):
    weight, bias = (values.detach().numpy() for values in (layer.weight, layer.bias))
    return np.einsum("oi,i->o", weight, row) + bias


def numbers(generator, row):
    """tanh(A m + c), or tanh(A (B m + d) + c) where there is a narrow layer before."""
    hidden = row if isinstance(generator.first, torch.nn.Identity) else affine(generator.first, row)
    return np.tanh(affine(generator.last, hidden))


def eigen_matrix(generator, row):
    """I + Σ (λ − 1) u uᵀ with λ = exp(tanh(Σ a_p z_p)), direction by direction."""
    u = generator.directions.weight.detach().numpy()
    gain = generator.gain.detach().numpy()
    matrix = np.eye(len(u))
    for j in range(u.shape[1]):
        total = sum(gain[p] * row[p] for p in range(len(row)) if p % u.shape[1] == j)
        matrix += (np.exp(np.tanh(total)) - 1) * np.outer(u[:, j], u[:, j])
    return matrix


def fused_weight(name, conv, row):
    """Fw(M)·W as the reading's name has it."""
    w = conv.weight.detach().numpy()
    out = np.zeros_like(w)
    if name in ("eigen", "matrix-eigen"):
        f = eigen_matrix(conv.generator, row)
    else:
        f = numbers(conv.generator, row)
    if name in ("out", "in"):
        size = CO if name == "out" else CI
        f = np.eye(size) + f.reshape(size, size) / np.sqrt(size)
    for o, i, k, l in np.ndindex(w.shape):  # noqa: E741
        if name in ("elementwise", "literal"):
            out[o, i, k, l] = w[o, i, k, l] * (
                f.reshape(w.shape)[o, i, k, l] + (name == "elementwise")
            )
        elif name == "spatial":
            out[o, i, k, l] = w[o, i, k, l] * (1 + f.reshape(3, 3)[k, l])
        elif name in ("matrix", "matrix-eigen"):
            out[o, i, k, l] = sum(f.reshape(3, 3)[k, j] * w[o, i, j, l] for j in range(3))
        elif name in ("out", "eigen"):
            out[o, i, k, l] = sum(f[o, j] * w[j, i, k, l] for j in range(CO))
        else:
            out[o, i, k, l] = sum(w[o, j, k, l] * f[j, i] for j in range(CI))
    return out


def make(name, **options):
    spec = FusionSpec(M, rank=2, **options)
    fixed = {
        "out": OutFusionConv2d,
        "in": InFusionConv2d,
        "eigen": EigenFusionConv2d,
        "matrix-eigen": MatrixEigenFusionConv2d,
        "lowrank": LowRankFusionConv2d,
    }
    if name in fixed:
        return fixed[name](CI, CO, spec, bias=True)
    return ReadingFusionConv2d(CI, CO, spec, name, bias=True)


READINGS = ("elementwise", "literal", "spatial", "matrix", "matrix-eigen", "out", "in", "eigen")
FUSE = ("both", "weights", "bias")


def stirred(conv):
    """With every trained number away from its start."""
    for parameter in conv.parameters():
        if parameter.requires_grad:
            parameter.data.add_(0.5 * torch.randn_like(parameter))
    return conv


@pytest.mark.parametrize("name", READINGS)
@pytest.mark.parametrize("fuse", FUSE)
def test_each_reading_is_its_equation(name, fuse):
    conv = stirred(make(name, fuse=fuse))
    x, m = torch.randn(2, CI, 5, 6), torch.randn(2, M)
    y = conv(x, m).detach().numpy()
    for n, row in enumerate(m.numpy()):
        weight, bias = conv.weight.detach().numpy(), conv.bias.detach().numpy()
        if fuse != "bias":
            weight = fused_weight(name, conv, row)
        if fuse != "weights":
            bias = bias + numbers(conv.bias_generator, row)
        np.testing.assert_allclose(y[n], convolve(x[n].numpy(), weight, bias), atol=1e-4)


@pytest.mark.parametrize("fuse", FUSE)
def test_low_rank_adds_directions_to_the_filters(fuse):
    conv = stirred(make("lowrank", fuse=fuse))
    x, m = torch.randn(2, CI, 5, 6), torch.randn(2, M)
    y = conv(x, m).detach().numpy()
    for n, row in enumerate(m.numpy()):
        weight, bias = conv.weight.detach().numpy().copy(), conv.bias.detach().numpy()
        z = affine(conv.generator, row)
        if fuse != "bias":
            for r in range(2):
                spread = conv.spread.detach().numpy()[:, r, None, None, None]
                weight += z[r] * spread * conv.basis.detach().numpy()[r]
        if fuse != "weights":
            bias = bias + z[-CO:]
        np.testing.assert_allclose(y[n], convolve(x[n].numpy(), weight, bias), atol=1e-4)


@pytest.mark.parametrize("name", [*READINGS, "lowrank"])
@pytest.mark.parametrize("kind", ["learned", "frozen"])
def test_the_folded_filters_are_those_of_the_forward_pass(name, kind):
    conv = stirred(make(name, kind=kind))
    x, m = torch.randn(1, CI, 5, 6), torch.randn(1, M)
    weight, bias = (values.detach().numpy() for values in conv.folded(m[0]))
    expected = convolve(x[0].numpy(), weight, bias)
    np.testing.assert_allclose(conv(x, m)[0].detach().numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("name", ["literal", "matrix"])
def test_readings_without_residual_start_as_the_plain_filters_times_one_number(name):
    conv = make(name)
    torch.testing.assert_close(conv.folded(torch.randn(M))[0], np.tanh(1.0) * conv.weight)


def test_numbers_stay_within_minus_one_and_one():
    far = 100 * torch.randn(50, M)
    learned = stirred(LearnedGenerator(M, 7, through=2))
    for generator in (learned, FixedGenerator(M, 7)):
        assert generator(far).abs().max() <= 1
    assert FixedGenerator(M, 7)(torch.zeros(1, M)).abs().max() > 0.01


def test_a_fixed_generator_is_its_equation():
    generator = FixedGenerator(M, 7)
    row = torch.randn(M)
    expected = np.tanh(affine(generator.last, np.tanh(affine(generator.first, row.numpy()))))
    np.testing.assert_allclose(generator(row[None])[0].numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["learned", "frozen"])
@pytest.mark.parametrize("size", [3, 8])
def test_eigenvectors_are_orthonormal_and_eigenvalues_positive(kind, size):
    generator = stirred(EigenGenerator(M, size, kind))
    u = generator.directions.weight.detach()
    assert u.shape == (size, min(M, size))
    torch.testing.assert_close(u.T @ u, torch.eye(u.shape[1]), atol=1e-5, rtol=0)
    matrix = generator(torch.randn(1, M))[0].detach()
    values = torch.linalg.eigvalsh(matrix)
    assert values.min() > np.exp(-1) - 1e-5
    assert values.max() < np.exp(1) + 1e-5
    torch.testing.assert_close(generator(torch.zeros(1, M))[0], torch.eye(size))


def test_between_two_values_an_eigenvalue_is_near_their_geometric_mean():
    generator = EigenGenerator(1, 4, "frozen")
    generator.gain.fill_(0.3)
    low, middle, high = (generator(torch.full((1, 1), z))[0].det() for z in (0.2, 0.4, 0.6))
    torch.testing.assert_close(middle, (low * high).sqrt(), atol=0, rtol=2e-3)


def read_back(generator, rows=400):
    """The share of the metadata's variance that the best linear reader of the numbers misses."""
    torch.manual_seed(7)
    m = random_metadata(2 * rows, M)
    with torch.no_grad():
        f = torch.cat([generator(m).flatten(1), torch.ones(2 * rows, 1)], dim=1)
    reader = torch.linalg.lstsq(f[:rows], m[:rows]).solution
    return float(((f[rows:] @ reader - m[rows:]) ** 2).mean() / m.var())


def test_pretraining_lets_the_metadata_be_read_back():
    generator = FixedGenerator(M, 20)
    before = read_back(generator)
    pretrain_generators(generator)
    assert read_back(generator) < min(0.02, 0.5 * before)
    assert not any(parameter.requires_grad for parameter in generator.parameters())


def test_pretraining_is_the_same_for_the_same_seed():
    fits = []
    for _ in range(2):
        torch.manual_seed(3)
        generator = FixedGenerator(M, 300)
        pretrain_generators(generator)
        fits.append(generator.last.weight)
    assert torch.equal(*fits)
