"""Folding: the plain network's cost and nothing of the conditioned one left in it."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.errors import InputError
from napari_metaseg.networks.fold import FoldedUNet, fold

EXTRA = {"early": 9 * 4, "dynamic-head": 4 * 8 + 8 * 8 + 8 - 4}
"""Products a pixel beyond the plain network: one more input plane; three layers in place of one."""


@pytest.mark.parametrize("method", METHODS)
@torch.inference_mode()
def test_a_folded_network_costs_what_the_plain_one_costs(small_network, batch, method, unfused):
    x, metadata = batch
    plain = operations(small_network("none"), x)
    folded = fold(small_network(method), metadata[0], plane=x[:1])
    assert operations(folded, x) == plain + EXTRA.get(method, 0) * 2 * x.numel()


def operations(network, x):
    with FlopCounterMode(display=False) as counter:
        network(x)
    return counter.get_total_flops()


@pytest.mark.parametrize("method", METHODS)
def test_a_folded_network_has_no_norm_and_nothing_to_train(small_network, batch, method):
    x, metadata = batch
    folded = fold(small_network(method), metadata[0], plane=x[:1])
    assert isinstance(folded, FoldedUNet)
    assert not folded.training
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert not any(parameter.requires_grad for parameter in folded.parameters())


@pytest.mark.parametrize("method", METHODS)
def test_folding_leaves_the_network_as_it_was(small_network, batch, method):
    x, metadata = batch
    network = small_network(method).train()
    before = {name: values.clone() for name, values in network.state_dict().items()}
    trained = [parameter.requires_grad for parameter in network.parameters()]
    folded = fold(network, metadata[0], plane=x[:1])
    with torch.no_grad():
        for parameter in folded.parameters():
            parameter.zero_()
    assert network.training
    assert [parameter.requires_grad for parameter in network.parameters()] == trained
    assert all(torch.equal(values, before[name]) for name, values in network.state_dict().items())


@pytest.mark.parametrize("method", [n for n, m in METHODS.items() if m.reads_image])
@pytest.mark.parametrize("planes", [0, 2])
def test_gates_that_read_the_image_need_one_plane(small_network, batch, method, planes):
    x, metadata = batch
    with pytest.raises(InputError, match="looks at the image"):
        fold(small_network(method), metadata[0], plane=x[:planes] if planes else None)


@torch.inference_mode()
def test_gates_stay_as_the_plane_gave_them(small_network, batch):
    """Another image through the folded network must not move its gates."""
    x, metadata = batch
    network = small_network("sme")
    folded = fold(network, metadata[0], plane=x[:1])
    first = folded(x[:1])
    folded(5 + x[1:2])
    assert torch.equal(folded(x[:1]), first)
    assert (folded(x[1:2]) - network(x[1:2], metadata[:1])).abs().max() > 1e-3


@torch.inference_mode()
def test_folding_a_plain_network_needs_no_metadata(small_network, batch):
    network = small_network("none", metadata_size=0)
    folded = fold(network, torch.zeros(0))
    torch.testing.assert_close(folded(batch[0]), network(batch[0]), atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_a_vector_of_another_schema_is_refused(small_network):
    with pytest.raises(ValueError, match="3 numbers, the network takes 5"):
        fold(small_network("film"), torch.zeros(3))


@pytest.mark.parametrize("method", METHODS)
@torch.inference_mode()
def test_a_folded_network_runs_in_bfloat16(small_network, batch, method):
    """Its constants follow the features' type, so that no step falls back to float32."""
    x, metadata = batch
    folded = fold(small_network(method), metadata[0], plane=x[:1])
    expected = folded(x)
    with torch.autocast("cpu", torch.bfloat16):
        logits = folded(x)
    assert logits.dtype == torch.bfloat16
    assert (logits.float() - expected).abs().max() < 0.05 * expected.abs().max()


@pytest.mark.parametrize("upsampling", ["nearest", "transposed"])
@torch.inference_mode()
def test_what_becomes_of_the_network_later_does_not_change_the_folded_one(
    small_network, batch, upsampling
):
    x, metadata = batch
    network = small_network("film", upsampling=upsampling)
    folded = fold(network, metadata[0])
    before = folded(x)
    for parameter in network.parameters():
        parameter.add_(1.0)
    assert torch.equal(folded(x), before)
    assert all(parameter.requires_grad for parameter in network.parameters())
