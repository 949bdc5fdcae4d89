"""What is cut into tiles, asked for as a region, or streamed equals the network on the whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.prediction.test_predictor import CONDITIONS, package

from napari_metaseg.datasets.normalise import normalise
from napari_metaseg.packages.manifest import Canonical
from napari_metaseg.prediction.engines import openvino
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.view import ArrayPlane

METHODS = ("film", "me", "fusion-lowrank", "early")
ENGINES = ("torch", "openvino") if openvino.is_installed() else ("torch",)
PACKAGES = {method: package(method) for method in METHODS}

sizes = st.integers(1, 90)


def image(height, width):
    return np.random.default_rng(height * 100 + width).random((1, height, width), np.float32)


def directly(model, plane, condition):
    """The conditioned network itself, on the whole plane, continued to whole strides."""
    stride = model.manifest.network.stride
    missing = [(0, -side % stride) for side in plane.shape[-2:]]
    x = np.pad(normalise(plane), [(0, 0), *missing], mode="symmetric")
    m = torch.from_numpy(model.manifest.metadata_schema.encode(condition))[None]
    with torch.inference_mode():
        whole = model.network(torch.from_numpy(x)[None], m).sigmoid()[0].numpy()
    return whole[:, : plane.shape[1], : plane.shape[2]]


@pytest.mark.parametrize("engine", ENGINES)
@given(st.sampled_from(METHODS), sizes, sizes, st.integers(1, 100))
@settings(max_examples=30, deadline=None)
def test_any_plane_in_any_tiles_equals_the_network_on_the_whole(
    engine, method, height, width, tile_px
):
    model, plane = PACKAGES[method], image(height, width)
    predictor = Predictor(model, device="cpu", precision="fp32", tile_px=tile_px, engine=engine)
    found = predictor.probability(plane, CONDITIONS[0])
    assert found.shape == plane.shape
    assert np.abs(found - directly(model, plane, CONDITIONS[0])).max() < 1e-5


@st.composite
def regions(draw):
    ends = []
    for side in (draw(sizes), draw(sizes)):
        first = draw(st.integers(0, side - 1))
        ends.append((side, slice(first, draw(st.integers(first + 1, side)))))
    return tuple(side for side, _ in ends), tuple(along for _, along in ends)


@pytest.mark.parametrize("canonical", [None, Canonical(field="magnification", value=23.0)])
@given(regions(), st.sampled_from(["film", "sme"]), st.integers(8, 64))
@settings(max_examples=25, deadline=None)
def test_any_region_is_that_of_the_whole_at_any_scale(canonical, place, method, tile_px):
    (height, width), region = place
    model = PACKAGES.setdefault(method, package(method))
    changed = model.manifest.model_copy(update={"canonical": canonical})
    predictor = Predictor(replace(model, manifest=changed), device="cpu", tile_px=tile_px)
    plane, condition = image(height, width), CONDITIONS[1]
    raw = ArrayPlane(plane)
    found = predictor.predict_region(
        raw, region, condition, levels=predictor.levels(raw, condition)
    )
    whole = predictor.probability(plane, condition)
    assert np.abs(found.probability - whole[(slice(None), *region)]).max() < 1e-5
    assert found.labels.shape == whole[(0, *region)].shape


@given(sizes, sizes, st.integers(8, 64))
@settings(max_examples=20, deadline=None)
def test_a_stream_gives_every_part_once_but_what_is_not_wanted(height, width, tile_px):
    predictor, plane = (
        Predictor(PACKAGES["film"], device="cpu", tile_px=tile_px),
        image(height, width),
    )
    view = predictor.view(ArrayPlane(plane), CONDITIONS[0])
    parts = list(predictor.stream(view, CONDITIONS[0]))
    out, count = np.zeros(view.shape, np.float32), np.zeros(view.shape, int)
    for place, probability, depth in parts:
        out[place], count[place] = probability[0], count[place] + 1
        assert depth is None
    assert (count == 1).all()
    whole = predictor.probability(plane, CONDITIONS[0])[0]
    assert np.abs(out[:height, :width] - whole).max() < 1e-5
    first = parts[0][0]
    others = predictor.stream(view, CONDITIONS[0], wanted=lambda place: place != first)
    assert [place for place, *_ in others] == [place for place, *_ in parts[1:]]
