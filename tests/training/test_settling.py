"""Batch norm that belongs to the weights as they are now."""

from __future__ import annotations

import pytest
import torch

from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.unet import build_network
from napari_metaseg.training.batches import TensorBatch
from napari_metaseg.training.settling import settle_norms


def batch(seed, patches=4):
    torch.manual_seed(seed)
    empty = torch.zeros(patches, 16, 16, dtype=torch.int64)
    images = 3 + 5 * torch.randn(patches, 1, 16, 16)
    return TensorBatch(images, empty, empty > 0, torch.randn(patches, 2))


@pytest.fixture
def network():
    return build_network(NetworkConfig(width=4, depth=2, method="me", metadata_size=2), seed=0)


def statistics(network):
    return {n: v.clone() for n, v in network.state_dict().items() if "running" in n}


def test_a_network_settled_on_a_batch_sees_it_as_in_training(network):
    """Its own weights, its own statistics: eval mode gives what training mode gives."""
    one = batch(1)
    with torch.no_grad():
        learned = network.train()(one.images, one.metadata)
        lagging = network.eval()(one.images, one.metadata)
        settle_norms(network, [one])
        settled = network(one.images, one.metadata)
    assert not network.training
    # The variance that is kept is of n - 1 values, which tells in the deepest, smallest planes.
    assert (settled - learned).abs().mean() < 0.1 * (lagging - learned).abs().mean()


def test_the_statistics_are_the_mean_over_the_batches(network):
    first = next(name for name in statistics(network) if name.endswith("running_mean"))
    alone = []
    for seed in (1, 2):
        settle_norms(network, [batch(seed)])
        alone.append(statistics(network)[first])
    settle_norms(network, [batch(1), batch(2)])
    assert torch.allclose(statistics(network)[first], (alone[0] + alone[1]) / 2, atol=1e-6)


def test_settling_forgets_what_was_there_and_learns_nothing(network):
    weights = {n: p.clone() for n, p in network.named_parameters()}
    settle_norms(network, [batch(1)])
    once = statistics(network)
    settle_norms(network, [batch(2)])
    settle_norms(network, [batch(1)])
    again = statistics(network)
    assert all(torch.equal(once[name], again[name]) for name in once)
    assert all(torch.equal(p, weights[n]) for n, p in network.named_parameters())
    assert {m.momentum for m in network.modules() if hasattr(m, "momentum")} == {0.1}


def test_frozen_norms_and_networks_without_batches_keep_what_they_have(network):
    before = statistics(network)
    settle_norms(network, [])
    assert all(torch.equal(value, before[name]) for name, value in statistics(network).items())
    kept = "encoder.0.units.0.norm"
    settle_norms(network, [batch(1)], kept=[kept])
    changed = {n for n, v in statistics(network).items() if not torch.equal(v, before[n])}
    assert changed
    assert not [name for name in changed if name.startswith(kept)]
