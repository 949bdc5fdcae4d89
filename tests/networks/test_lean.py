"""The rearranged network gives what the folded one gives, for whatever part of a tile is kept."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.fold import fold, fold_around_gates
from napari_metaseg.networks.lean import Window, doubled, lean
from napari_metaseg.networks.unet import build_network


@pytest.mark.parametrize("method", METHODS)
@torch.inference_mode()
def test_it_equals_the_folded_network(small_network, batch, method):
    x, metadata = batch
    x, metadata = x.double(), metadata.double()
    folded = fold(small_network(method).double(), metadata[0], plane=x[:1])
    expected = folded(x[:1])
    assert (lean(folded)(x[:1]) - expected).abs().max() < 1e-9 * max(1, expected.abs().max())


@torch.inference_mode()
def test_a_transposed_convolution_is_one_over_doubled_pixels():
    torch.manual_seed(0)
    small, weight = torch.randn(1, 3, 5, 4).double(), torch.randn(2, 3, 3, 3).double()
    large = F.conv2d(F.interpolate(small, scale_factor=2.0), weight, padding=1)
    assert torch.allclose(F.conv_transpose2d(small, doubled(weight), stride=2, padding=1), large)


_CONFIG = NetworkConfig(width=4, depth=2, method="none")
_FOLDED = fold(build_network(_CONFIG, seed=0), torch.zeros(0)).double()
spans = st.tuples(st.integers(0, 39), st.integers(1, 40)).map(
    lambda pair: (pair[0], min(40, pair[0] + pair[1]))
)


@given(rows=spans, columns=spans)
@settings(max_examples=60, deadline=None)
def test_any_kept_part_is_that_part_of_the_whole(rows, columns):
    torch.manual_seed(0)
    x, keep = torch.randn(1, 1, 40, 40).double(), Window(rows, columns)
    with torch.inference_mode():
        part, whole = lean(_FOLDED)(x, keep), _FOLDED(x)
    assert part.shape == (1, 1, rows[1] - rows[0], columns[1] - columns[0])
    assert (part - keep.of(whole)).abs().max() < 1e-9


@torch.inference_mode()
def test_it_costs_less_and_a_kept_part_still_less(small_network, unfused):
    folded, x = fold(small_network("none"), torch.zeros(5)), torch.randn(1, 1, 64, 64)
    middle = Window((24, 40), (24, 40))
    costs = [
        operations(lambda: folded(x)),
        operations(lambda: lean(folded)(x)),
        operations(lambda: lean(folded)(x, middle)),
    ]
    assert costs[1] < 0.92 * costs[0]
    assert costs[2] < 0.7 * costs[1]


def operations(call):
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


@pytest.mark.parametrize("upsampling", ["transposed", "bilinear"])
def test_only_doubled_pixels_can_be_rearranged(small_network, upsampling):
    assert lean(fold(small_network("none", upsampling=upsampling), torch.zeros(5))) is None


@pytest.mark.parametrize("method", ["se", "sme", "joint"])
@torch.inference_mode()
def test_gates_that_look_at_the_image_may_stay_in_it(small_network, batch, method):
    x, metadata = (values.double() for values in batch)
    network = small_network(method).double()
    folded = fold_around_gates(network, metadata[0])
    x = x[:1]
    expected = network(x, metadata[:1])
    for rearranged in (folded, lean(folded)):
        assert (rearranged(x) - expected).abs().max() < 1e-9 * max(1, expected.abs().max())


@pytest.mark.parametrize("method", ["dynamic-filters", "dynamic-head"])
def test_filters_that_look_at_the_image_cannot(small_network, batch, method):
    assert fold_around_gates(small_network(method), batch[1][0]) is None
