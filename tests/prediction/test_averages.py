"""What methods that look at the image average: all of a plane, however it is cut, or a sample."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.prediction.test_predictor import CONDITIONS, package

from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.errors import Cancelled
from napari_metaseg.events import CancelToken
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.receptive import halo
from napari_metaseg.packages.manifest import Canonical, Member
from napari_metaseg.packages.package import ModelPackage
from napari_metaseg.prediction import averages
from napari_metaseg.prediction.averages import average_in_parts, fits_whole, sample_tiles
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.tiling import plan_tiles, tile_at
from napari_metaseg.prediction.view import PlaneView

READING = [name for name, method in METHODS.items() if method.reads_image]
SMALL = 60 * 60 * 4
"""A limit that planes of the tests are above: 60 px square at the tests' width."""


@pytest.fixture(scope="module")
def packages():
    return {method: package(method) for method in READING}


@pytest.fixture
def in_parts(monkeypatch):
    """Every plane is too large for one pass."""
    monkeypatch.setattr(averages, "LARGEST_WHOLE", 0)


def noise(height, width, seed=0):
    """Uneven, so that no part has the plane's averages."""
    image = np.random.default_rng(seed).random((1, height, width), np.float32)
    return image * np.linspace(0.2, 1, width, dtype=np.float32)


def probability(model, image, condition=CONDITIONS[1], **options):
    return Predictor(model, device="cpu", **options).probability(image, condition)


def whole_and_parts(monkeypatch, model, image, condition=CONDITIONS[1], **options):
    whole = probability(model, image, condition, **options)
    with monkeypatch.context() as patch:
        patch.setattr(averages, "LARGEST_WHOLE", 0)
        return whole, probability(model, image, condition, **options)


@given(
    method=st.sampled_from(READING),
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    tile_px=st.integers(16, 100),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_exact_averages_equal_one_pass_over_the_whole_plane(
    packages, monkeypatch, method, height, width, tile_px
):
    image = noise(height, width, tile_px)
    whole, parts = whole_and_parts(monkeypatch, packages[method], image, tile_px=tile_px)
    assert np.abs(whole - parts).max() < 1e-5


@pytest.mark.parametrize("method", READING)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 77), (83, 1), (61, 90)])
def test_they_do_so_for_every_method_and_planes_of_one_line(
    packages, monkeypatch, method, height, width
):
    whole, parts = whole_and_parts(monkeypatch, packages[method], noise(height, width), tile_px=32)
    assert np.abs(whole - parts).max() < 1e-5


def ensemble(method) -> ModelPackage:
    """Two networks that vote by magnification, at the scale of 20x."""
    one, other = package(method), package(method)
    for tensor in other.network.state_dict().values():
        if tensor.is_floating_point():
            tensor *= 0.8
    schema = MetadataSchema.fit(CONDITIONS, ["magnification"])
    domains = [{"magnification": c["magnification"]} for c in CONDITIONS]
    members = tuple(
        Member(name=name, sha256="", domain=domain, share=0.5)
        for name, domain in zip("ab", domains, strict=True)
    )
    manifest = one.manifest.model_copy(
        update={
            "strategy": "ensemble",
            "members": members,
            "domain_schema": schema,
            "canonical": Canonical(field="magnification", value=20.0),
        }
    )
    return ModelPackage(manifest, {"a": one.network, "b": other.network})


def test_several_networks_at_a_canonical_scale_are_exact_too(monkeypatch):
    between, image = {"magnification": 15.0}, noise(70, 55)
    model = ensemble("sme")
    whole, parts = whole_and_parts(monkeypatch, model, image, between, tile_px=32)
    assert np.abs(whole - parts).max() < 1e-5
    alone = probability(model, image, {"magnification": 10.0})
    assert np.abs(whole - alone).max() > 1e-4  # both networks have a say


def test_no_more_than_a_tile_with_its_halo_is_ever_computed(in_parts, monkeypatch, packages):
    predictor, sizes = Predictor(packages["sme"], device="cpu", tile_px=32), []
    read = PlaneView.read

    def noting(self, rows, columns):
        sizes.append(max(side.stop - side.start for side in (rows, columns)))
        return read(self, rows, columns)

    monkeypatch.setattr(PlaneView, "read", noting)
    predictor.probability(noise(150, 200), CONDITIONS[0])
    assert max(sizes) <= 32 + 2 * halo(packages["sme"].manifest.network)


def test_every_pass_is_counted_and_stops_on_the_token(in_parts, packages):
    seen, token = [], CancelToken()
    predictor = Predictor(packages["sme"], device="cpu", tile_px=32)
    predictor.probability(noise(100, 100), {}, on_tile=lambda *step: seen.append(step))
    assert seen == [(i + 1, 24) for i in range(24)]  # five averages, then the result; four tiles

    def stop(done, total):
        seen.append((done, total))
        token.cancel()

    seen.clear()
    with pytest.raises(Cancelled):
        predictor.probability(noise(100, 100), {}, token=token, on_tile=stop)
    assert seen == [(1, 24)]


def test_a_sample_is_made_of_blocks_that_lie_on_the_grid_and_within_the_plane():
    config = NetworkConfig(method="sme", metadata_size=2)
    tiles = sample_tiles((2048, 3000), config)
    assert len({str(tile.place) for tile in tiles}) == 16
    starts = [(tile.place[0].start, tile.place[1].start) for tile in tiles]
    assert all(side % config.stride == 0 for start in starts for side in start)
    assert (min(starts), max(starts)) == ((0, 0), (2048 - 256, 3000 - 256))
    assert all(s.stop - s.start == 256 for tile in tiles for s in tile.place)
    inner = next(tile for tile in tiles if tile.place[0].start and tile.crop[0].start)
    assert inner.crop[0].start == halo(config)
    narrow = sample_tiles((8, 4096), config)
    assert [tile.place[0] for tile in narrow] == [slice(0, 8)] * 4


def test_sampled_averages_do_not_depend_on_tiles_and_are_not_exact(in_parts, packages, monkeypatch):
    monkeypatch.setattr(averages, "_SAMPLE_PX", 16)
    image = noise(120, 140)
    fast = [probability(packages["sme"], image, tile_px=t, gates="fast") for t in (32, 64)]
    assert np.abs(fast[0] - fast[1]).max() < 1e-5
    assert np.abs(fast[0] - probability(packages["sme"], image)).max() > 1e-4


def test_on_a_plane_that_fits_fast_is_exact(packages):
    image = noise(120, 140)
    exact, fast = (probability(packages["sme"], image, gates=g) for g in ("exact", "fast"))
    assert np.array_equal(exact, fast)
    wide = NetworkConfig(width=16, method="se")
    assert fits_whole((2048, 2048), wide)
    assert not fits_whole((2048, 2056), wide)


def notices(model, image, gates="exact"):
    return Predictor(model, device="cpu", gates=gates).predict_plane(image, CONDITIONS[0]).notices


def test_exact_averages_of_a_large_plane_say_what_they_cost(monkeypatch, packages):
    monkeypatch.setattr(averages, "LARGEST_WHOLE", SMALL)
    (notice,) = notices(packages["sme"], noise(60, 64))
    assert "the whole of this large image, in 5 passes before the prediction" in notice
    assert notices(packages["sme"], noise(60, 60)) == ()
    assert notices(package("film"), noise(60, 64)) == ()
    # The published upsampling takes every plane whole, and its averages with it.
    assert notices(package("sme", upsampling="bilinear"), noise(60, 64)) == ()


def test_a_sample_says_how_far_its_halves_differ_on_this_plane(monkeypatch, packages):
    monkeypatch.setattr(averages, "LARGEST_WHOLE", SMALL)
    (notice,) = notices(packages["sme"], noise(60, 64), "fast")
    assert re.search("a sample of this large image, two halves of which .* up to [0-9.]+%", notice)
    assert averages.MEASURED in notice


class Levels:
    """In place of a network: two averages, of features that each tile brings."""

    def __init__(self):
        self.left, self.given = 2, []

    def give(self, average):
        self.given.append(average.tolist())


@pytest.mark.parametrize(("levels", "difference"), [((2, 2, 2, 2), 0), ((1, 3, 1, 3), 1)])
def test_the_difference_is_that_of_every_other_part(levels, difference):
    tiles = plan_tiles((16, 64), tile_px=16, halo=0, stride=4)
    by_tile = dict(zip(map(str, tiles), levels, strict=True))
    stepped = Levels()
    found = average_in_parts(
        stepped, lambda: tiles, lambda tile: torch.full((1, 3, 4, 4), float(by_tile[str(tile)]))
    )
    assert found == pytest.approx(difference)
    assert stepped.given == [[2.0, 2.0, 2.0]] * 2


def test_tiles_count_by_their_area():
    tiles, stepped = [tile_at((0, x), 16, 8, (8, 24)) for x in (0, 16)], Levels()
    levels = {16: 1.0, 8: 4.0}
    average_in_parts(
        stepped,
        lambda: tiles,
        lambda tile: torch.full((1, 1, 1, 3), levels[tile.place[1].stop - tile.place[1].start]),
    )
    assert stepped.given == [[2.0]] * 2


def test_what_is_large_is_decided_at_the_scale_the_network_sees(monkeypatch, packages):
    monkeypatch.setattr(averages, "LARGEST_WHOLE", SMALL)
    canonical = Canonical(field="magnification", value=20.0)
    model = packages["sme"]
    scaled = replace(model, manifest=model.manifest.model_copy(update={"canonical": canonical}))
    grown, shrunk = (
        Predictor(scaled, device="cpu").predict_plane(noise(50, 60), c).notices for c in CONDITIONS
    )
    assert any("this large image" in notice for notice in grown)
    assert not any("this large image" in notice for notice in shrunk)
