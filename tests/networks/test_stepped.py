"""Stepwise folding: a plane's averages, given one after the other, make the plain network."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.networks.fold import fold
from napari_metaseg.networks.stepped import SteppedFold

READING = [name for name, method in METHODS.items() if method.reads_image]
SITES = (("all",), ("first",), ("inner",), ("dec1",))


def given_all(network, m, plane):
    """Stepped through with the averages of all features."""
    stepped = SteppedFold(network, m)
    while stepped.left:
        stepped.give(stepped.features(plane).mean(dim=(0, 2, 3)))
    return stepped.folded()


@pytest.mark.parametrize("method", READING)
@pytest.mark.parametrize("sites", SITES, ids="+".join)
@pytest.mark.parametrize("upsampling", ["nearest", "transposed"])
@torch.inference_mode()
def test_with_the_planes_averages_it_equals_the_network(
    small_network, batch, method, sites, upsampling
):
    network = small_network(method, sites=sites, upsampling=upsampling).double()
    plane, m = batch[0][:1].double(), batch[1][0].double()
    expected = network(plane, m[None])
    folded = given_all(network, m, plane)(plane)
    assert (folded - expected).abs().max() < 1e-9 * max(1, expected.abs().max())


@torch.inference_mode()
def test_the_published_network_steps_too(small_network, batch):
    network = small_network("sme", architecture="published-unet3").double()
    plane, m = torch.randn(1, 1, 64, 32, dtype=torch.float64), batch[1][0].double()
    difference = given_all(network, m, plane)(plane) - network(plane, m[None])
    assert difference.abs().max() < 1e-9 * network(plane, m[None]).abs().max()


@pytest.mark.parametrize(
    ("method", "averages"),
    [("sme", 5), ("dynamic-filters", 10), ("joint", 1), ("dynamic-head", 1), ("film", 0)],
)
def test_it_asks_for_one_average_for_each_part_that_looks(small_network, batch, method, averages):
    assert SteppedFold(small_network(method), batch[1][0]).left == averages


@torch.inference_mode()
def test_what_is_not_looked_at_folds_at_once(small_network, batch):
    network, (x, metadata) = small_network("fusion-lowrank"), batch
    stepped = SteppedFold(network, metadata[0]).folded()
    torch.testing.assert_close(stepped(x), fold(network, metadata[0])(x))


@torch.inference_mode()
def test_a_pass_runs_no_further_than_what_it_averages(small_network, batch, unfused):
    x, metadata = batch
    stepped = SteppedFold(small_network("sme"), metadata[0])
    costs = []
    while stepped.left:
        with FlopCounterMode(display=False) as counter:
            features = stepped.features(x[:1])
        costs.append(counter.get_total_flops())
        stepped.give(features.mean(dim=(0, 2, 3)))
    with FlopCounterMode(display=False) as counter:
        stepped.folded()(x[:1])
    assert costs == sorted(set(costs))
    assert costs[0] < 0.2 * counter.get_total_flops()
    assert costs[-1] < counter.get_total_flops()


@torch.inference_mode()
def test_the_averages_given_are_those_used(small_network, batch):
    """Other averages, another network: the tile at hand must have no say."""
    x, metadata = batch
    outputs = []
    for shift in (0, 3):
        stepped = SteppedFold(small_network("sme"), metadata[0])
        while stepped.left:
            stepped.give(stepped.features(x[:1]).mean(dim=(0, 2, 3)) + shift)
        outputs.append(stepped.folded()(x[:1]))
    assert (outputs[0] - outputs[1]).abs().max() > 1e-3


@pytest.mark.parametrize("method", ["sme", "dynamic-filters"])
def test_stepping_leaves_the_network_as_it_was(small_network, batch, method):
    x, metadata = batch
    network = small_network(method).train()
    before = {name: values.clone() for name, values in network.state_dict().items()}
    folded = given_all(network, metadata[0], x[:1])
    with torch.no_grad():
        for parameter in folded.parameters():
            parameter.zero_()
    assert network.training
    assert all(torch.equal(values, before[name]) for name, values in network.state_dict().items())
