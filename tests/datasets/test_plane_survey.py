"""The facts of a plane: true of its pixels, small, and drawn alike every time."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_metaseg.datasets.labels import convert_labels
from napari_metaseg.datasets.normalise import normalise
from napari_metaseg.datasets.pixels import PlanePixels
from napari_metaseg.datasets.plane_survey import MOST_POSITIONS, survey_plane

SPARSE = hnp.arrays(
    np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=24), elements=st.integers(0, 4)
)


def surveyed(labels, kind="sparse", **options):
    target = convert_labels(np.asarray(labels), kind)
    image = np.zeros((1, *target.classes.shape), np.uint8)
    return survey_plane(PlanePixels(image, target), **options), target


@given(SPARSE)
@settings(max_examples=60)
def test_counts_and_places_are_those_of_the_annotated_pixels(labels):
    survey, target = surveyed(labels)
    counted = target.classes[target.valid]
    assert survey.annotated_px == target.valid.sum()
    assert survey.class_counts == tuple(np.bincount(counted, minlength=1))
    assert survey.highest_class == counted.max(initial=0)
    assert target.valid.flat[survey.annotated].all()
    assert (target.valid & (target.classes > 0)).flat[survey.foreground].all()
    for places, every in (
        (survey.annotated, target.valid),
        (survey.foreground, target.valid & (target.classes > 0)),
    ):
        assert len(places) == min(MOST_POSITIONS, every.sum())
        assert (np.diff(places.astype(int)) >= 0).all()


def test_places_are_spread_over_the_whole_plane():
    survey, _ = surveyed(np.full((300, 200), 2, np.int32))
    for places in (survey.annotated, survey.foreground):
        rows, columns = np.divmod(places.astype(int), 200)
        assert len(places) == MOST_POSITIONS
        assert np.abs(np.histogram(rows, 8, (0, 300))[0] - 16).max() <= 1
        assert (np.histogram(columns, 4, (0, 200))[0] > 16).all()


def test_a_plane_without_labels_says_so():
    survey = survey_plane(PlanePixels(np.zeros((2, 5, 6), np.uint8), None))
    assert not survey.labelled
    assert survey.shape == (2, 5, 6)
    empty, _ = surveyed(np.zeros((5, 6), np.int32))
    assert empty.labelled
    assert empty.annotated_px == 0


def test_levels_are_those_that_normalise_the_whole_plane():
    rng = np.random.default_rng(0)
    image = rng.poisson(300, (2, 40, 50)).astype(np.uint16)
    survey = survey_plane(PlanePixels(image, None))
    low, high = np.percentile(image[1], (1, 99.8))
    assert survey.levels[1] == pytest.approx((low, high - low))
    assert normalise(image).max() > 1


def test_values_that_are_no_numbers_are_counted():
    image = np.ones((1, 8, 8), np.float32)
    image[0, 0, :3] = np.nan, np.inf, -np.inf
    survey = survey_plane(PlanePixels(image, None), noise=True)
    assert survey.not_finite == 3
    assert survey.levels is None


def test_noise_is_measured_only_where_it_is_asked_for():
    image = np.random.default_rng(0).normal(500, 20, (1, 64, 64)).astype(np.float32)
    assert survey_plane(PlanePixels(image, None)).noise is None
    (noise,) = survey_plane(PlanePixels(image, None), noise=True).noise
    assert noise.at_zero > 0


def test_a_survey_is_the_same_again_and_takes_no_more_than_3_kilobytes():
    labels = np.random.default_rng(0).integers(0, 3, (500, 600))
    first, again = (surveyed(labels, noise=True)[0] for _ in range(2))
    assert pickle.dumps(first) == pickle.dumps(again)
    assert len(pickle.dumps(first)) < 3000


@pytest.mark.parametrize("factor", [0.5, 0.37, 1.9])
def test_places_follow_the_plane_to_another_grid(factor):
    labels = np.ones((60, 80), np.int32)
    labels[20:40, 30:60] = 2
    survey, _ = surveyed(labels)
    moved = survey.resized(factor)
    assert moved.shape == (1, round(60 * factor), round(80 * factor))
    rows, columns = np.divmod(moved.foreground.astype(int), moved.shape[2])
    assert (np.abs(rows / factor - 30) <= 10 + 1 / factor).all()
    assert (np.abs(columns / factor - 45) <= 15 + 1 / factor).all()
    assert moved.levels is None
    assert survey.resized(1.0) is survey
    assert replace(moved, levels=survey.levels).class_counts == survey.class_counts
