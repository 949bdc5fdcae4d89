"""One pass or several: a convolution and what follows it pixel by pixel."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from napari_metaseg.networks import pointwise
from napari_metaseg.networks.pointwise import conv_above, conv_onto


@pytest.fixture(params=["fused", "unfused"])
def way(request, monkeypatch):
    if request.param == "unfused":
        monkeypatch.setattr(pointwise, "_fuses", lambda device, dtype: False)


@pytest.fixture
def parts():
    torch.manual_seed(0)
    base = torch.randn(2, 6, 10, 12)
    return base, torch.randn(2, 3, 10, 12), torch.randn(6, 3, 3, 3), torch.randn(6)


@pytest.mark.parametrize("floor", [None, torch.linspace(-1, 1, 6)[:, None, None]])
@torch.inference_mode()
def test_both_ways_give_the_maximum_of_the_convolution_and_the_floor(way, parts, floor):
    base, x, weight, bias = parts
    plain = F.conv2d(x, weight, bias, padding=1)
    least = torch.zeros(1) if floor is None else floor
    assert torch.allclose(conv_above(x, weight, bias, floor), plain.maximum(least), atol=1e-5)
    summed = (plain + base).maximum(least)
    assert torch.allclose(conv_onto(base.clone(), x, weight, bias, floor), summed, atol=1e-5)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@torch.inference_mode()
def test_the_layout_changes_nothing(parts, layout):
    base, x, weight, bias = parts
    expected = F.conv2d(x, weight, bias, padding=1).add(base).relu()
    base, x, weight = (v.contiguous(memory_format=layout) for v in (base, x, weight))
    assert torch.allclose(conv_onto(base, x, weight, bias), expected, atol=1e-5)


def test_this_build_of_pytorch_has_the_fused_operators():
    assert pointwise._fuses("cpu", torch.float32)
    assert not pointwise._fuses("cuda", torch.float32)
