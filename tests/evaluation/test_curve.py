import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from napari_metaseg.evaluation.curve import curve_png, spread_apart
from napari_metaseg.evaluation.figures import DARK, LIGHT
from napari_metaseg.events import CurvePoint

CURVE = [
    CurvePoint(10, 1.0),
    CurvePoint(20, 0.5, 0.6, {"5x": 0.5, "20x": 0.7}),
    CurvePoint(30, 0.4, 0.7, {"5x": 0.6, "20x": 0.8}),
]


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def count(image, colour):
    target = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(image - target).max(axis=-1) < 6).sum())


def test_a_dark_page_gets_a_dark_curve():
    assert pixels(curve_png(CURVE, LIGHT))[0, 0].min() > 240
    assert pixels(curve_png(CURVE, DARK))[0, 0].max() < 60


def test_every_domain_has_a_colour_of_its_own_beside_the_mean():
    image = pixels(curve_png(CURVE))
    for colour in (LIGHT.first, "#E69F00", "#009E73"):
        assert count(image, colour) > 200


def test_a_curve_may_have_no_validation_yet_or_one_point():
    assert curve_png([CurvePoint(1, 1.0), CurvePoint(2, 0.9)])
    assert curve_png([CurvePoint(1, 1.0, 0.5, {"5x": 0.5})])


def test_of_many_domains_the_best_are_grey_and_the_picture_keeps_its_size():
    names = [f"{i}x" for i in range(40)]
    many = [
        CurvePoint(step, 1.0, 0.5, {name: i / 40 for i, name in enumerate(names)})
        for step in (10, 20)
    ]
    few, crowded = pixels(curve_png(CURVE)), pixels(curve_png(many))
    assert count(crowded, LIGHT.quiet) > count(few, LIGHT.quiet) + 4000
    assert abs(len(crowded) - len(few)) < 40


def test_a_domain_that_is_scored_only_later_begins_later():
    assert curve_png([*CURVE, CurvePoint(40, 0.3, 0.7, {"40x": 0.7})])


def test_names_with_dollar_signs_are_names():
    assert curve_png([CurvePoint(1, 1.0, 0.5, {"$\\frac{1": 0.5})])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=13))
def test_names_keep_their_order_their_distance_and_stay_in_the_figure(values):
    places = spread_apart(values, gap=0.07)
    ranked = sorted(range(len(values)), key=lambda i: (values[i], i))
    gaps = np.diff([places[i] for i in ranked])
    assert (gaps > 0.07 - 1e-9).all()
    assert 0 <= min(places) <= max(places) <= 1 + 1e-9


def test_names_with_room_stand_at_the_ends_of_their_lines():
    assert spread_apart([0.9, 0.2, 0.5]) == pytest.approx([0.9, 0.2, 0.5])
    assert spread_apart([0.5, 0.5], gap=0.1) == pytest.approx([0.45, 0.55])
