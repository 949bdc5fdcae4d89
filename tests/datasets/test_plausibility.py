"""Object sizes of training, and a sentence where a stated scale does not fit them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metaseg.datasets.labels import convert_labels
from napari_metaseg.datasets.plausibility import ObjectSizes, measure_sizes, size_notice


def squares(side, count=9, pitch=40):
    """`count` separate squares of that side, none at the edge."""
    labels = np.zeros((pitch * 3 + 4, pitch * 3 + 4), np.int32)
    for n in range(count):
        y, x = 2 + pitch * (n // 3), 2 + pitch * (n % 3)
        labels[y : y + side, x : x + side] = n + 1
    return labels


@pytest.fixture
def items(make_item):
    def make(condition, sides=(16, 20, 24), kind="instances"):
        return [
            make_item(
                str(side),
                image=np.zeros((1, 124, 124), np.float32),
                target=convert_labels(squares(side) + (kind == "sparse"), kind),
                condition=condition,
            )
            for side in sides
        ]

    return make


def test_sizes_are_diameters_of_equal_area_in_micrometres(items):
    sizes = measure_sizes(items({"pixel_size_um": 0.5, "magnification": 20.0}))
    assert sizes.unit == "µm"
    assert sizes.objects == 27
    expected = np.array([16, 20, 24]) * 0.5 * np.sqrt(4 / np.pi)
    assert [sizes.low, sizes.median, sizes.high] == pytest.approx(expected)
    assert ObjectSizes.model_validate_json(sizes.model_dump_json()) == sizes


@pytest.mark.parametrize(("stated", "works"), [(0.5, True), (0.2, False), (1.2, False)])
def test_a_wrong_pixel_size_is_noticed(items, stated, works):
    sizes = measure_sizes(items({"pixel_size_um": 0.5}))
    said = size_notice(squares(20), {"pixel_size_um": stated}, sizes)
    assert (said is None) == works
    if stated == 0.2:
        assert said == (
            "the objects found are 4.5 µm wide at the stated pixel size; in training they were "
            "9 to 14 µm: check pixel_size_um and magnification"
        )


def test_with_the_magnification_alone_a_wrong_one_is_noticed(items):
    sizes = measure_sizes(items({"magnification": 20.0}))
    assert size_notice(squares(20), {"magnification": 20.0}, sizes) is None
    assert size_notice(squares(10), {"magnification": 10.0}, sizes) is None
    assert "smaller" in size_notice(squares(10), {"magnification": 40.0}, sizes)
    assert "2 times larger" in size_notice(squares(24), {"magnification": 10.0}, sizes)


def test_without_any_scale_pixels_are_compared(items):
    sizes = measure_sizes(items({}))
    assert sizes.unit == "px"
    assert "px wide" in size_notice(squares(8), {}, sizes)
    assert size_notice(squares(20), {"pixel_size_um": 9.0}, sizes) is None


def test_large_sizes_are_written_out(items):
    sizes = measure_sizes(items({"pixel_size_um": 5.0}))
    told = size_notice(squares(20), {"pixel_size_um": 50.0}, sizes)
    assert "1100 µm wide" in told
    assert "e+" not in told


def test_a_scale_that_one_plane_lacks_is_not_used(items):
    mixed = items({"pixel_size_um": 0.5, "magnification": 20.0}) + items({"magnification": 20.0})
    assert measure_sizes(mixed).unit == "µm at 1x"


def test_objects_that_are_told_apart_by_gaps_alone_count_one_each(items):
    assert measure_sizes(items({}, kind="classes")).objects == 27
    assert measure_sizes(items({}, kind="sparse")).objects == 27


def test_strokes_within_objects_do_not_pass_for_objects(make_item):
    strokes = np.where(squares(8) > 0, 2, 0)
    strokes[100:] = 1
    item = make_item(
        target=convert_labels(strokes, "sparse"), image=np.zeros((1, 124, 124), np.float32)
    )
    assert measure_sizes([item]) is None


def test_too_little_to_judge_says_nothing(items, make_item):
    sizes = measure_sizes(items({"pixel_size_um": 0.5}))
    assert size_notice(squares(5, count=4), {"pixel_size_um": 0.5}, sizes) is None
    assert size_notice(squares(5), {}, sizes) is None
    assert size_notice(squares(5), {"pixel_size_um": 0.5}, None) is None
    assert measure_sizes([make_item()]) is None
    assert measure_sizes([]) is None


def test_specks_and_objects_cut_by_the_edge_do_not_count(items):
    sizes = measure_sizes(items({"pixel_size_um": 0.5}))
    labels = squares(20)
    labels[0, ::2] = np.arange(100, 162)
    labels[60, ::6] = np.arange(200, 221)
    assert size_notice(labels, {"pixel_size_um": 0.5}, sizes) is None


def test_many_specks_beside_sound_objects_are_no_wrong_scale(items):
    sizes = measure_sizes(items({"pixel_size_um": 0.5}))
    labels = squares(20)
    for n, (y, x) in enumerate((y, x) for y in range(28, 120, 40) for x in range(4, 120, 6)):
        labels[y : y + 4, x : x + 4] = 100 + n
    assert np.unique(labels).size > 3 * 9
    assert size_notice(labels, {"pixel_size_um": 0.5}, sizes) is None
    assert size_notice(labels, {"pixel_size_um": 0.1}, sizes) is not None
