"""The halo: with it a tile's centre equals the whole plane's; with less it does not."""

from __future__ import annotations

import pytest
import torch

from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.fold import fold
from napari_metaseg.networks.receptive import halo, reach

SHAPES = [
    {"depth": depth, "convs_per_stage": convs, "upsampling": upsampling}
    for depth in (1, 2, 3)
    for convs in (1, 2)
    for upsampling in ("nearest", "transposed")
]


@pytest.mark.parametrize("options", SHAPES, ids=str)
def test_reach_is_what_the_gradient_reaches(small_network, options):
    network = small_network("none", norm="none", width=8, **options)
    config = network.config
    tile, margin = config.stride, halo(config) + config.stride
    side = 2 * margin + tile
    x = torch.zeros(1, 1, 1, side).expand(1, 1, side, side)
    x = (x + torch.randn(1, 1, side, side)).requires_grad_()
    network(x)[..., margin : margin + tile, margin : margin + tile].sum().backward()
    touched = x.grad[0, 0].abs().sum(dim=0).nonzero().flatten()
    seen = max(margin - int(touched[0]), int(touched[-1]) - (margin + tile - 1))
    assert seen <= reach(config) <= halo(config)
    assert seen > reach(config) - config.stride


def worst_of_tiles(network, plane):
    """The largest difference between a tile's centre and the whole plane, of the plane's size."""
    plane = plane.double()
    folded = fold(network.double(), torch.randn(5).double(), plane=plane)
    whole, h = folded(plane), halo(network.config)
    assert h < 40
    worst = 0.0
    for y, x, size in ((40, 48, 16), (40, 40, 24)):
        tile = folded(plane[..., y - h : y + size + h, x - h : x + size + h])
        centre = tile[..., h : h + size, h : h + size]
        expected = whole[..., y : y + size, x : x + size]
        worst = max(worst, float((centre - expected).abs().max() / whole.abs().max()))
    return worst


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("upsampling", ["nearest", "transposed"])
@torch.inference_mode()
def test_a_tile_with_its_halo_equals_the_whole_plane(small_network, method, upsampling):
    network = small_network(method, upsampling=upsampling)
    assert network.config.tiles_exactly
    assert worst_of_tiles(network, torch.randn(1, 1, 96, 104)) < 1e-9


@torch.inference_mode()
def test_aligned_corners_make_no_tile_agree(small_network):
    """So such a network says that it needs the whole plane."""
    network = small_network("none", upsampling="bilinear")
    assert not network.config.tiles_exactly
    assert worst_of_tiles(network, torch.randn(1, 1, 96, 104)) > 1e-4


@pytest.mark.parametrize("method", ["none", "sme"])
@torch.inference_mode()
def test_the_published_network_tiles_exactly_as_its_experiments_ran_it(small_network, method):
    network = small_network(method, architecture="published-unet3", convs_per_stage=1)
    assert network.config.upsampling == "transposed"
    assert worst_of_tiles(network, torch.randn(1, 1, 96, 104)) < 1e-9


@torch.inference_mode()
def test_at_the_planes_edge_the_tile_ends_with_the_plane(small_network):
    network = small_network("me")
    plane = torch.randn(1, 1, 64, 64)
    folded = fold(network, torch.randn(5))
    h = halo(network.config)
    corner = folded(plane[..., : 16 + h, : 16 + h])[..., :16, :16]
    torch.testing.assert_close(corner, folded(plane)[..., :16, :16], atol=1e-4, rtol=1e-4)


def test_worked_by_hand():
    """Depth 1, one convolution a stage: 1 (decoder) -> 1 + 1 below -> 4 above, + 1 (encoder)."""
    assert reach(NetworkConfig(depth=1, convs_per_stage=1, method="none")) == 5
    assert halo(NetworkConfig(depth=1, convs_per_stage=1, method="none")) == 6
    assert halo(NetworkConfig(depth=3, method="none")) == 48
