"""The canonical scale: one specimen, two lenses, the same objects."""

import numpy as np
import pytest
import torch

from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.datasets.normalise import normalise
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.unet import build_network
from napari_metaseg.packages.manifest import Canonical, PackageManifest
from napari_metaseg.packages.package import ModelPackage
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.scale import canonical_factor, canonical_notices

PIXELS = Canonical(field="pixel_size_um", value=0.5)
LENS = Canonical(field="magnification", value=20.0)


@pytest.mark.parametrize(
    ("canonical", "condition", "factor"),
    [
        (PIXELS, {"pixel_size_um": 0.25}, 0.5),
        (PIXELS, {"pixel_size_um": 1.0}, 2.0),
        (LENS, {"magnification": 40.0}, 0.5),
        (LENS, {"magnification": 10.0}, 2.0),
        (LENS, {"magnification": 0.5}, 8.0),
        (LENS, {"pixel_size_um": 1.0}, 1.0),
        (None, {"magnification": 10.0}, 1.0),
    ],
)
def test_a_plane_is_resized_to_the_canonical_scale_within_bounds(canonical, condition, factor):
    assert canonical_factor(canonical, condition) == pytest.approx(factor)


def test_what_cannot_be_resized_is_said():
    (notice,) = canonical_notices(LENS, {})
    assert "magnification is unknown" in notice
    (notice,) = canonical_notices(LENS, {"magnification": 0.5})
    assert "40 times; 8 times is used" in notice
    assert canonical_notices(LENS, {"magnification": 5.0}) == ()


def package(canonical):
    """A package with the canonical scale and a network as it starts: any map will do."""
    config = NetworkConfig(width=4, depth=2, method="none", norm="none")
    network = build_network(config, 0)
    manifest = PackageManifest(
        name="m", strategy="canonical", members=(), network=config, canonical=canonical,
        metadata_schema=MetadataSchema(), input_channels=1, classes=("a",),
    )  # fmt: skip
    return ModelPackage(manifest, {"main": network.eval()})


def discs(size):
    """One specimen of three discs, drawn on a grid of `size` pixels a side."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    places = ((0.3, 0.3, 0.12), (0.7, 0.65, 0.15), (0.25, 0.75, 0.08))
    image = sum(((y - a) ** 2 + (x - b) ** 2 < r**2) for a, b, r in places)
    return image.astype(np.float32)[None]


def test_one_specimen_through_two_lenses_gives_the_same_map():
    predictor = Predictor(package(LENS), device="cpu")
    low = predictor.probability(discs(64), {"magnification": 10.0})
    high = predictor.probability(discs(256), {"magnification": 40.0})
    assert low.shape == (1, 64, 64)
    assert high.shape == (1, 256, 256)
    coarse = high[0].reshape(64, 4, 64, 4).mean((1, 3))
    own = Predictor(package(None), device="cpu").probability(discs(64), {})
    assert np.ptp(low) > 0
    spread = np.abs(low[0] - coarse).mean()
    assert spread < 0.25 * np.abs(own[0] - coarse).mean()


@pytest.mark.parametrize("shape", [(1, 37), (53, 1), (33, 47)])
def test_the_result_has_the_shape_of_the_image(shape):
    image = np.random.default_rng(0).random((1, *shape)).astype(np.float32)
    predictor = Predictor(package(LENS), device="cpu")
    for magnification in (7.0, 20.0, 63.0):
        found = predictor.probability(image, {"magnification": magnification})
        assert found.shape == (1, *shape)


def test_tiles_agree_with_the_whole_at_the_canonical_scale():
    image = np.random.default_rng(1).random((1, 90, 70)).astype(np.float32)
    model, condition = package(LENS), {"magnification": 13.0}
    whole, tiled = (
        Predictor(model, device="cpu", tile_px=px).probability(image, condition)
        for px in (1024, 32)
    )
    assert np.abs(whole - tiled).max() < 1e-5


def test_without_metadata_the_plane_is_taken_as_it_is():
    image = discs(64)
    model = package(LENS)
    found = Predictor(model, device="cpu").probability(image, {})
    x = torch.from_numpy(normalise(image))[None]
    with torch.no_grad():
        expected = model.network(x, torch.zeros(1, 0)).sigmoid()[0].numpy()
    assert np.abs(found - expected).max() < 1e-5
