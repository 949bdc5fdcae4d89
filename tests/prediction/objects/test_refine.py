from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_metaseg.prediction.objects.instances import (
    classes_from_probability,
    instances_from_classes,
)
from napari_metaseg.prediction.objects.refine import Refinement, refine


@pytest.fixture
def probability():
    """A disc of radius 8 px, one of radius 3 px, and a single bright pixel."""
    y, x = np.mgrid[:40, :60]
    large, small = (y - 15) ** 2 + (x - 15) ** 2 <= 64, (y - 15) ** 2 + (x - 40) ** 2 <= 9
    out = np.full((40, 60), 0.1, np.float32)
    out[large], out[small], out[30, 50] = 0.9, 0.7, 0.95
    return out[None]


def test_without_smoothing_and_size_it_is_what_a_prediction_gives(probability):
    classes, labels = refine(probability, Refinement(0.6))
    np.testing.assert_array_equal(classes, classes_from_probability(probability, 0.6))
    np.testing.assert_array_equal(labels, instances_from_classes(classes))
    assert Refinement(0.6).keeps_all(None)


def test_smoothing_takes_single_pixels_away_and_keeps_objects(probability):
    before, _ = refine(probability, Refinement())
    after, labels = refine(probability, Refinement(smoothing_px=1.0))
    assert before[30, 50]
    assert not after[30, 50]
    assert labels[15, 15]
    assert labels[15, 40]


def test_small_objects_are_left_out_of_objects_and_classes(probability):
    classes, labels = refine(probability, Refinement(smallest_px=100))
    assert set(np.unique(labels)) == {0, 1}
    assert labels[15, 15] == 1
    assert not classes[15, 40]


@pytest.mark.parametrize(("pixel_um", "stays"), [(1.0, False), (3.0, True)])
def test_sizes_are_in_micrometres_where_the_pixel_size_is_known(probability, pixel_um, stays):
    # the small disc has 29 pixels
    refinement = Refinement(smallest_um2=100, smallest_px=0)
    _, labels = refine(probability, refinement, pixel_size_um=pixel_um)
    assert bool(labels[15, 40]) is stays
    assert refinement.keeps_all(None)
    assert not refinement.keeps_all(pixel_um)


def test_of_several_classes_the_threshold_says_nothing(probability):
    several = np.concatenate([1 - probability, probability * 0.75, probability * 0.25])
    low, high = (refine(several, Refinement(t))[0] for t in (0.1, 0.9))
    np.testing.assert_array_equal(low, high)


@given(threshold=st.floats(0.05, 0.95), least=st.floats(0, 300), seed=st.integers(0, 1000))
def test_objects_are_numbered_without_gaps_and_lie_on_foreground(threshold, least, seed):
    noise = np.random.default_rng(seed).random((1, 24, 24)).astype(np.float32)
    classes, labels = refine(noise, Refinement(threshold, 1.0, smallest_px=least))
    assert set(np.unique(labels)) | {0} == set(range(labels.max() + 1))
    assert (classes[labels > 0] == 1).all()
    areas = np.bincount(labels.ravel())[1:]
    assert (areas >= least).all()
