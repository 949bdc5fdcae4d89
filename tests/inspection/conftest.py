"""Packages in memory whose networks were never trained, or were set by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.unet import build_network
from napari_metaseg.packages.manifest import Member, PackageManifest
from napari_metaseg.packages.package import ModelPackage, Sample

CONDITIONS = [
    {"magnification": magnification, "modality": modality}
    for magnification in (10.0, 20.0, 40.0)
    for modality in ("brightfield", "fluorescence")
]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def sample() -> Sample:
    """A plane whose sides fit no stride, taken at 20x in fluorescence."""
    image = np.random.default_rng(0).normal(500, 90, (1, 30, 37)).astype(np.float32)
    return Sample(image, CONDITIONS[3], np.zeros((1, 30, 37), np.float32))


@pytest.fixture
def made() -> Callable[..., ModelPackage]:
    """A package of the method that sees magnification and modality; `options` for the network."""

    def make(method: str, **options: Any) -> ModelPackage:
        schema = MetadataSchema.fit(CONDITIONS, ("magnification", "modality"))
        if method in ("none", "se"):
            schema = MetadataSchema()
        if method == "multi-head":
            options["head_columns"] = (2, 3)
        config = NetworkConfig(
            method=method, width=4, depth=2, metadata_size=schema.size, **options
        )
        manifest = PackageManifest(
            name="by hand",
            strategy="conditioned",
            members=(Member(name="main"),),
            network=config,
            schema=schema,
            input_channels=1,
            classes=("nucleus",),
        )
        return ModelPackage(manifest, {"main": build_network(config, seed=0).eval()})

    return make


@pytest.fixture
def gated(made) -> ModelPackage:
    """Method ME, set by hand: only the gate of dec1 acts, and only on the magnification."""
    package = made("me")
    with torch.no_grad():
        for stage in (*package.network.encoder, package.network.bottleneck):
            stage.gate.squeeze.weight.zero_()
        deep, fine = package.network.decoder
        deep.gate.squeeze.weight.zero_()
        fine.gate.squeeze.weight.zero_()
        fine.gate.squeeze.weight[:, 0] = 1.0
        fine.gate.squeeze.bias.fill_(2.0)
    return package
