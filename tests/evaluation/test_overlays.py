import io

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from napari_metaseg.datasets.labels import convert_labels
from napari_metaseg.evaluation.overlays import (
    STYLES,
    Overlay,
    contrast,
    outlines,
    overlay_png,
    split_objects,
    window_of,
)


def square(labels, number, y, x, side=10):
    labels[y : y + side, x : x + side] = number


def overlay_of(raw, predicted, kind="instances", pixels=None):
    pixels = np.full(raw.shape, 100.0) if pixels is None else pixels
    return Overlay("a.tif", {"magnification": 20.0}, pixels, convert_labels(raw, kind), predicted)


@pytest.fixture
def planes():
    """Three annotated squares and three predicted ones, of which 1 and 7 agree."""
    truth, predicted = np.zeros((2, 80, 120), np.int32)
    for number, x in ((1, 5), (2, 40), (3, 60)):
        square(truth, number, 10, x)
    for number, x in ((7, 6), (8, 90), (9, 105)):
        square(predicted, number, 10, x)
    return truth, predicted


def test_objects_are_split_by_what_became_of_them(planes):
    truth, predicted = planes
    kinds = split_objects(convert_labels(truth, "instances"), predicted)
    assert set(np.unique(kinds.found)) == {0, 1}
    assert set(np.unique(kinds.predicted)) == {0, 7}
    assert set(np.unique(kinds.missed)) == {0, 2, 3}
    assert set(np.unique(kinds.invented)) == {0, 8, 9}


def test_connected_regions_stand_for_objects_that_were_not_annotated(planes):
    truth, predicted = planes
    kinds = split_objects(convert_labels((truth > 0).astype(int), "classes"), predicted)
    assert len(np.unique(kinds.missed)) == 3
    assert (kinds.found > 0).sum() == 100


def test_predictions_outside_the_annotated_area_are_not_invented(planes):
    truth, predicted = planes
    raw = np.where(truth > 0, 2, 1)
    raw[:, 80:] = 0
    kinds = split_objects(convert_labels(raw, "sparse"), predicted)
    assert not kinds.invented.any()


def test_outlines_run_around_the_pixels_of_each_object():
    labels = np.zeros((20, 30), np.int32)
    square(labels, 5, 3, 12, side=4)
    square(labels, 6, 0, 26, side=4)
    lines, centres = outlines(labels)
    assert len(lines) == 2
    assert_array_equal(lines[0].min(axis=0), [11.5, 2.5])
    assert_array_equal(lines[0].max(axis=0), [15.5, 6.5])
    assert_array_equal(lines[1].max(axis=0), [29.5, 3.5])
    assert centres == [(13.5, 4.5), (27.5, 1.5)]


def test_contrast_uses_the_first_channel_or_the_mean_of_colours_and_bridges_gaps():
    plane = np.linspace(100, 200, 100).reshape(10, 10)
    assert contrast(plane).min() == 0
    assert contrast(plane).max() == 1
    assert_array_equal(contrast(np.stack([plane, -plane])), contrast(plane))
    assert_allclose(contrast(np.stack([plane] * 3, axis=-1)), contrast(plane), atol=1e-12)
    assert_array_equal(contrast(np.full((4, 4), 7)), np.zeros((4, 4)))
    plane[0, 0] = np.nan
    assert np.isfinite(contrast(plane)).all()


def test_a_small_image_is_shown_whole():
    raw = np.zeros((80, 120), np.int32)
    assert window_of(overlay_of(raw, raw)) == (slice(0, 80), slice(0, 120))


def test_of_an_image_with_small_objects_the_fullest_part_is_shown():
    raw = np.zeros((600, 900), np.int32)
    square(raw, 1, 20, 20)
    for number in range(2, 8):
        square(raw, number, 400, 500 + 15 * number)
    rows, columns = window_of(overlay_of(raw, np.ones_like(raw)))
    assert rows.stop - rows.start == columns.stop - columns.start == 180
    assert set(np.unique(raw[rows, columns])) == {0, *range(2, 8)}


def test_the_picture_has_two_panels_and_shows_annotation_and_prediction(planes):
    png = Image.open(io.BytesIO(overlay_png(overlay_of(*planes)))).convert("RGBA")
    pixels = np.asarray(png)[..., :3].astype(int)
    width = pixels.shape[1] // 2
    for style in STYLES.values():
        colour = [int(style.colour[i : i + 2], 16) for i in (1, 3, 5)]
        near = np.abs(pixels - colour).max(axis=-1) < 24
        assert near[:, width:].sum() > 50
        assert not near[:, : width - 10].any()


def test_kinds_of_outlines_differ_without_colour():
    looks = {(style.dashes, style.width, style.mark) for style in STYLES.values()}
    assert len(looks) == len(STYLES)
    assert all(bool(STYLES[n].dashes) == (n in ("predicted", "invented")) for n in STYLES)


@pytest.mark.parametrize("kind", ["instances", "sparse"])
def test_an_empty_image_can_be_drawn(kind):
    raw = np.zeros((64, 64), np.int32)
    assert overlay_png(overlay_of(raw, raw, kind)).startswith(b"\x89PNG")
