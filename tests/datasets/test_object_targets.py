"""Objects that touch become classes of pixels that tell them apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_metaseg.datasets.labels import LabelTarget, convert_labels
from napari_metaseg.datasets.object_targets import (
    INSIDE,
    LEVELS,
    RIM,
    foreground_and_depth,
    output_count,
    training_classes,
)
from napari_metaseg.errors import InputError

PARTS = ("boundary", "distance")
CORE = {"boundary": INSIDE, "distance": LEVELS}

# Any image at all: objects of a pixel, in pieces, touching on all sides.
label_images = arrays(np.int32, st.tuples(st.integers(1, 12), st.integers(1, 12)),
                      elements=st.integers(0, 5))  # fmt: skip
block_images = label_images.map(lambda labels: np.kron(labels, np.ones((3, 3), np.int32)))
"""The same where every object has a pixel that touches no other object."""


def encoded(labels, objects):
    return training_classes(convert_labels(labels, "instances"), objects)


@pytest.mark.parametrize("objects", PARTS)
@given(labels=label_images)
def test_the_parts_of_objects_together_are_the_mask(objects, labels):
    classes = encoded(labels, objects)
    assert np.array_equal(classes > 0, labels > 0)
    assert classes.max(initial=0) < output_count(objects, 1)


@pytest.mark.parametrize("objects", PARTS)
@given(labels=label_images)
def test_every_object_has_a_core_even_one_of_a_single_pixel(objects, labels):
    classes = encoded(labels, objects)
    for number in np.unique(labels[labels > 0]):
        assert (classes[labels == number] == CORE[objects]).any()


@pytest.mark.parametrize("objects", PARTS)
@given(labels=block_images)
def test_the_cores_of_objects_never_touch(objects, labels):
    core = np.where(encoded(labels, objects) == CORE[objects], labels, 0)
    for axis in (0, 1):
        here, there = (np.delete(core, end, axis) for end in (-1, 0))
        assert not ((here != there) & (here > 0) & (there > 0)).any()


def test_a_rim_is_two_pixels_wide_and_lies_within_the_object():
    labels = np.zeros((11, 12), np.int32)
    labels[2:9, 2:10] = 7
    row = encoded(labels, "boundary")[5]
    assert row.tolist() == [0, 0, RIM, RIM, *[INSIDE] * 4, RIM, RIM, 0, 0]


def test_touching_objects_are_parted_by_the_rims_of_both():
    labels = np.repeat([[1] * 6 + [2] * 6], 12, axis=0)
    row = encoded(labels, "boundary")[5]
    assert row.tolist() == [*[INSIDE] * 4, *[RIM] * 4, *[INSIDE] * 4]


def test_the_end_of_the_plane_is_no_border_of_an_object():
    assert (encoded(np.ones((9, 9), np.int32), "boundary") == INSIDE).all()
    assert (encoded(np.ones((9, 9), np.int32), "distance") == LEVELS).all()


def test_levels_rise_evenly_from_border_to_core_whatever_the_size():
    for half in (5, 10, 40):
        labels = np.zeros((1, 2 * half + 3), np.int32)
        labels[0, 1:-1] = 1
        labels = np.repeat(labels, 8 * half, axis=0)
        row = encoded(labels, "distance")[4 * half]
        assert row[1] == row[-2] == 1
        assert row[half + 1] == LEVELS
        assert set(np.diff(row[: half + 1])) <= {0, 1}
        widths = np.bincount(row)[1:]
        assert np.ptp(widths) <= max(2, 0.15 * widths.mean())


def test_numbers_of_objects_may_be_large():
    labels = np.zeros((8, 8), np.int32)
    labels[1:7, 1:7] = np.iinfo(np.int32).max
    small = np.where(labels > 0, 1, 0)
    assert np.array_equal(encoded(labels, "boundary"), encoded(small, "boundary"))


def test_masks_and_pixels_that_nobody_annotated_stay_as_they_are():
    labels = np.zeros((9, 9), np.int32)
    labels[2:7, 2:7] = 1
    whole = convert_labels(labels, "instances")
    assert training_classes(whole, "mask") is whole.classes
    valid = np.ones((9, 9), bool)
    valid[:, 4:] = False
    partly = LabelTarget(whole.classes, valid, whole.instances)
    classes = training_classes(partly, "boundary")
    assert np.array_equal(classes[~valid], whole.classes[~valid])
    assert (classes[valid] == RIM).any()


@pytest.mark.parametrize("kind", ["classes", "sparse"])
@pytest.mark.parametrize("objects", PARTS)
def test_labels_that_tell_no_objects_apart_are_refused_with_the_way_out(kind, objects):
    target = convert_labels(np.ones((5, 5), np.uint8), kind)
    with pytest.raises(InputError, match=r"do not tell objects apart.*--objects mask"):
        training_classes(target, objects)


def test_a_network_has_an_output_for_each_part_of_one_class():
    counts = [output_count(o, 1) for o in ("mask", "boundary", "distance")]
    assert counts == [1, 3, LEVELS + 1]
    assert output_count("mask", 2) == 3
    for objects in PARTS:
        with pytest.raises(InputError, match=r"one class.*got.*2 classes|2 classes"):
            output_count(objects, 2)


def test_the_foreground_is_all_its_parts_and_depth_the_inside_or_the_mean_level():
    said = np.array([0.1, 0.6, 0.3], np.float32)[:, None, None]
    assert foreground_and_depth(said, "boundary").ravel() == pytest.approx([0.9, 0.6])
    said = np.array([0.2, 0.0, 0.1, 0.0, 0.3, 0.4], np.float32)[:, None, None]
    # By hand: (2 * 0.1 + 4 * 0.3 + 5 * 0.4) / 5
    assert foreground_and_depth(said, "distance").ravel() == pytest.approx([0.8, 0.68])
