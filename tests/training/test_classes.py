"""How much the classes weigh: by hand, by their pixels, or alike."""

from dataclasses import replace

import numpy as np
import pytest

from napari_metaseg.datasets.labels import convert_labels
from napari_metaseg.errors import InputError
from napari_metaseg.training.classes import class_pixels
from napari_metaseg.training.plan import make_plan
from napari_metaseg.training.request import TrainingRequest


@pytest.fixture
def items(small_items):
    """Two classes that cover 1/4 and 1/8 of the annotated pixels, half of which are in no plane."""
    labels = np.ones((96, 96), np.int32)
    labels[:24], labels[24:36], labels[36:60] = 2, 3, 0
    labels[60:] = 1
    sparse = convert_labels(labels, "sparse")
    return [replace(item, target=sparse, split="train") for item in small_items]


def plan(items, weights, **changes):
    request = TrainingRequest(class_weights=weights, validation_fraction=0, **changes)
    return make_plan(request, items)


def test_every_annotated_pixel_is_counted(items):
    counts = class_pixels(plan(items, "none").train, 2)
    assert counts == tuple(96 * rows * len(items) for rows in (36, 24, 12))


def test_without_weights_there_are_none(items):
    assert plan(items, "none").class_weights is None


def test_balanced_weights_are_the_inverse_of_the_share(items):
    weights = plan(items, "balanced").class_weights
    assert np.mean(weights) == pytest.approx(1)
    assert np.array(weights) / weights[0] == pytest.approx([1, 36 / 24, 36 / 12])


def test_a_class_that_no_pixel_has_weighs_as_the_rarest(items):
    weights = plan(items, "balanced", class_names=("a", "b", "c")).class_weights
    assert weights[3] == weights[2] == max(weights)


def test_weights_by_hand_are_brought_to_a_mean_of_1(items):
    assert plan(items, (1.0, 2.0, 3.0)).class_weights == pytest.approx((0.5, 1, 1.5))


@pytest.mark.parametrize("weights", [(1.0, 2.0), (), (0.0, 0.0, 0.0), (1.0, -1.0, 2.0)])
def test_weights_that_fit_no_classes_are_refused(items, weights):
    with pytest.raises(InputError, match="class_weights must be 3 numbers"):
        plan(items, weights)


def test_weights_are_refused_where_rims_or_depths_are_learned(small_items):
    request = TrainingRequest(objects="boundary", class_weights="balanced", validation_fraction=0)
    with pytest.raises(InputError, match="classes of the labels"):
        make_plan(request, small_items)
