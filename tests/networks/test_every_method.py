"""What every conditioning method must keep: one tester for all of them.

A method added to the registry is tested here without further ado.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from napari_metaseg.conditioning.conditioner import Conditioner
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.networks.fold import fold
from napari_metaseg.networks.unet import build_network

SITES = (("all",), ("first",), ("symmetric",), ("inner",), ("outer",), ("enc1", "bottleneck"))
SHAPES = (("nearest", "batch"), ("transposed", "none"), ("bilinear", "batch"))
FUSE = ("both", "weights", "bias")
CONDITIONED = [name for name, method in METHODS.items() if method.reads_metadata]
FUSIONS = [name for name, method in METHODS.items() if method.fuses]
PLACED = [
    (name, sites)
    for name, method in METHODS.items()
    for sites in (SITES if method.places else SITES[:1])
]
FROM_IDENTITY = [name for name, method in METHODS.items() if method.identity_at_start]

each_method = pytest.mark.parametrize("method", METHODS)


@each_method
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("channels", [1, 2])
def test_logits_have_the_images_size(small_network, method, outputs, channels):
    network = small_network(method, in_channels=channels, out_channels=outputs)
    x = torch.randn(2, channels, 16, 24)
    assert network(x, torch.randn(2, 5)).shape == (2, outputs, 16, 24)


def assert_folds(network, batch):
    """In double precision, so that only a wrong equation and no rounding can differ."""
    network = network.double()
    x, metadata = (values.double() for values in batch)
    for image, m in zip(x[:2], metadata[:2], strict=True):
        expected = network(image[None], m[None])
        folded = fold(network, m, plane=image[None])(image[None])
        assert (folded - expected).abs().max() < 1e-9 * max(1, expected.abs().max())


@pytest.mark.parametrize(("method", "sites"), PLACED, ids=str)
@pytest.mark.parametrize(("upsampling", "norm"), SHAPES)
@torch.inference_mode()
def test_folded_equals_unfolded(small_network, batch, method, sites, upsampling, norm):
    assert_folds(small_network(method, sites=sites, upsampling=upsampling, norm=norm), batch)


@pytest.mark.parametrize("method", FUSIONS)
@pytest.mark.parametrize("fuse", FUSE)
@pytest.mark.parametrize("generator", ["learned", "frozen"])
@torch.inference_mode()
def test_every_fusion_folds(small_network, batch, method, fuse, generator):
    assert_folds(small_network(method, fuse=fuse, generator=generator), batch)


@pytest.mark.parametrize("method", ["none", "se", "me", "sme", "film", "fusion-matrix", "early"])
@torch.inference_mode()
def test_the_published_network_folds(small_network, batch, method):
    assert_folds(small_network(method, architecture="published-unet3"), batch)


@each_method
@torch.inference_mode()
def test_each_sample_of_a_batch_has_its_own_metadata(small_network, batch, method):
    network = small_network(method).double()
    x, metadata = (values.double() for values in batch)
    together = network(x, metadata)
    alone = [network(image[None], m[None]) for image, m in zip(x, metadata, strict=True)]
    torch.testing.assert_close(together, torch.cat(alone))


def assert_tells_metadata_apart(network, x, metadata):
    with torch.inference_mode():
        outputs = [network(x, m) for m in (*metadata, None)]
    for i, a in enumerate(outputs):
        assert all((a - b).abs().max() > 1e-3 for b in outputs[:i])


@pytest.mark.parametrize("method", CONDITIONED)
@pytest.mark.parametrize("sites", [("all",), ("enc1", "bottleneck")], ids=",".join)
def test_two_metadata_values_give_two_outputs(small_config, batch, method, sites):
    x, metadata = batch
    network = build_network(small_config(method, width=8, sites=sites), seed=0)
    train_to_invert_by_metadata(network, x, metadata)
    assert_tells_metadata_apart(network, x, metadata)


@pytest.mark.parametrize("method", FUSIONS)
@pytest.mark.parametrize("fuse", ["weights", "bias"])
def test_either_part_of_fusion_alone_tells_metadata_apart(small_config, batch, method, fuse):
    x, metadata = batch
    network = build_network(small_config(method, width=8, fuse=fuse), seed=0)
    train_to_invert_by_metadata(network, x, metadata)
    assert_tells_metadata_apart(network, x, metadata)


@pytest.mark.parametrize("method", FUSIONS)
@pytest.mark.parametrize("fuse", FUSE)
def test_frozen_generators_tell_metadata_apart_at_once(small_config, batch, method, fuse):
    network = build_network(small_config(method, generator="frozen", fuse=fuse), seed=0).eval()
    assert_tells_metadata_apart(network, *batch)


@pytest.mark.parametrize("method", FUSIONS)
def test_fixed_generators_never_move(small_config, batch, method):
    config = small_config(method, generator="pretrained", depth=1)
    network = build_network(config, seed=0).eval()
    assert_tells_metadata_apart(network, *batch)
    fixed = {n: p.clone() for n, p in network.named_parameters() if not p.requires_grad}
    learned = {n: p.clone() for n, p in network.named_parameters() if p.requires_grad}
    train_to_invert_by_metadata(network, *batch, steps=3)
    after = dict(network.named_parameters())
    assert fixed
    assert all(torch.equal(after[name], values) for name, values in fixed.items())
    assert not any(torch.equal(after[name], values) for name, values in learned.items())
    assert set(fixed) <= set(network.state_dict())


@pytest.mark.parametrize("method", ["fusion-eigen", "fusion-lowrank"])
@pytest.mark.parametrize("generator", ["frozen", "pretrained"])
def test_fixed_generators_are_the_seeds(small_config, method, generator):
    config = small_config(method, generator=generator, depth=1)
    first, again, other = (build_network(config, seed) for seed in (0, 0, 1))
    for name, parameter in first.named_parameters():
        if not parameter.requires_grad:
            assert torch.equal(parameter, again.get_parameter(name))
            same = torch.equal(parameter, other.get_parameter(name))
            assert same == (name.endswith("gain") and generator == "frozen")


def train_to_invert_by_metadata(network, x, metadata, steps=20):
    """A target that takes image and metadata together: bright or dark pixels, as metadata says."""
    optimiser = torch.optim.AdamW(network.train().parameters(), lr=1e-2)
    target = ((x > 0) == (metadata[:, :1, None, None] > 0)).float()
    for _ in range(steps):
        optimiser.zero_grad()
        F.binary_cross_entropy_with_logits(network(x, metadata), target).backward()
        optimiser.step()
    network.eval()


@pytest.mark.parametrize("method", ["none", "se"])
@torch.inference_mode()
def test_a_control_ignores_metadata(small_network, batch, method):
    x, metadata = batch
    network = small_network(method)
    assert torch.equal(network(x, metadata), network(x, None))


@pytest.mark.parametrize("method", FROM_IDENTITY)
@torch.inference_mode()
def test_it_starts_as_the_plain_network_of_the_same_seed(small_config, batch, method):
    plain = build_network(small_config("none"), seed=3).eval()
    network = build_network(small_config(method), seed=3).eval()
    torch.testing.assert_close(network(*batch), plain(*batch))


@each_method
def test_every_parameter_is_trained(small_network, batch, method):
    network = small_network(method, width=16).train()
    network(*batch).square().mean().backward()
    still = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    assert not still


@each_method
def test_the_seed_decides_the_weights(small_config, method):
    first, again, other = (build_network(small_config(method), seed) for seed in (0, 0, 1))
    for name, values in first.state_dict().items():
        assert torch.equal(values, again.state_dict()[name])
    start = first.encoder[0].units[0].conv.weight
    assert not torch.equal(start, other.encoder[0].units[0].conv.weight)
    plain = build_network(small_config("none"), 0)
    assert torch.equal(start, plain.encoder[0].units[0].conv.weight)


@each_method
def test_building_leaves_the_callers_random_state_alone(small_config, method):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build_network(small_config(method), seed=9)
    assert torch.equal(torch.rand(3), expected)


@each_method
@torch.inference_mode()
def test_weights_fit_a_network_built_anew(small_config, small_network, batch, method):
    network = small_network(method)
    again = build_network(small_config(method), seed=8)
    again.load_state_dict(network.state_dict())
    assert torch.equal(again.eval()(*batch), network(*batch))


@pytest.mark.parametrize("method", [n for n, m in METHODS.items() if m.places and n != "none"])
def test_only_the_named_stages_are_conditioned(method):
    parts = Conditioner(method, frozenset({"enc1"}), metadata_size=3)
    for stage, expected in (("enc1", True), ("dec1", False)):
        made = [parts.before_relu(stage, 4), parts.after_stage(stage, 4)]
        steered = hasattr(parts.conv(stage, 4, 4, bias=False), "generator")
        assert (any(made) or steered) == expected


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if not method.places])
def test_a_method_with_one_place_does_not_ask_for_sites(small_config, method):
    here, there = (build_network(small_config(method, sites=(s,)), 0) for s in ("first", "all"))
    assert list(here.state_dict()) == list(there.state_dict())
