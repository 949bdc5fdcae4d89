"""Small networks whose weights and statistics are far from their initial values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

from napari_metaseg.networks import pointwise
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.unet import ConditionedUNet, build_network

METADATA_SIZE = 5


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small spend more on waking threads than on their work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def small_config() -> Callable[..., NetworkConfig]:
    def make(method: str, **options: Any) -> NetworkConfig:
        settings = {"width": 4, "depth": 2, "metadata_size": METADATA_SIZE} | options
        if method == "multi-head":
            settings["head_columns"] = (0, 1, 2)
        return NetworkConfig(method=method, **settings)

    return make


@pytest.fixture
def small_network(small_config) -> Callable[..., ConditionedUNet]:
    """As if trained: learned parameters moved from their start, norms with statistics."""

    def make(method: str, **options: Any) -> ConditionedUNet:
        network = build_network(small_config(method, **options), seed=0)
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in (p for p in network.parameters() if p.requires_grad):
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
            for norm in (m for m in network.modules() if isinstance(m, nn.BatchNorm2d)):
                norm.running_mean.copy_(torch.randn(norm.num_features, generator=generator))
                norm.running_var.copy_(0.5 + torch.rand(norm.num_features, generator=generator))
        return network.eval()

    return make


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Three images (3, 1, 24, 20) and their metadata (3, 5)."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(3, 1, 24, 20, generator=generator)
    return x, torch.randn(3, METADATA_SIZE, generator=generator)


@pytest.fixture
def unfused(monkeypatch) -> None:
    """Convolutions as PyTorch's counter of operations knows them."""
    monkeypatch.setattr(pointwise, "_fuses", lambda device, dtype: False)
