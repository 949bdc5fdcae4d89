"""Blocks give the objects of the whole plane, number for number."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_metaseg.errors import Cancelled
from napari_metaseg.events import CancelToken
from napari_metaseg.prediction.objects.instances import instances_from_classes
from napari_metaseg.prediction.objects.instances_in_blocks import label_in_blocks

SIDES = st.tuples(st.integers(1, 150), st.integers(1, 150))


def blobs(seed, shape, smoothing, classes):
    """Classes of random, often touching blobs, and a depth that falls towards their rims."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=shape), smoothing)
    kinds = ndimage.gaussian_filter(rng.normal(size=shape), 3 * smoothing)
    mask = field > np.quantile(field, rng.uniform(0, 0.9))
    edges = np.quantile(kinds, np.linspace(0, 1, classes + 1)[1:-1])
    depth = np.clip(0.5 + field / (2 * np.abs(field).max() + 1e-9), 0, 1).astype(np.float32)
    return ((1 + np.digitize(kinds, edges)) * mask).astype(np.uint8), depth


def in_blocks(classes, depth=None, **settings_):
    labels = np.zeros(classes.shape, np.int32)
    steps = label_in_blocks(classes, labels, depth, **settings_)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return labels, stop.value


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=SIDES,
    smoothing=st.sampled_from([0.7, 2, 5]),
    kinds=st.integers(1, 3),
    block_px=st.integers(32, 64),
    deep=st.booleans(),
)
def test_blocks_give_the_objects_of_the_whole(seed, shape, smoothing, kinds, block_px, deep):
    classes, depth = blobs(seed, shape, smoothing, kinds)
    depth = depth if deep else None
    labels, result = in_blocks(classes, depth, block_px=block_px, look_px=200)
    assert np.array_equal(labels, instances_from_classes(classes, depth))
    assert result == (labels.max(), 0)


def test_equal_peaks_and_plateaus_are_shared_out_alike():
    classes = np.zeros((100, 260), np.uint8)
    classes[20:60, 5:250] = 1
    classes[60:80, 5:250:2] = 1
    depth = np.zeros(classes.shape, np.float32)
    depth[30:40, 10:240:20] = 1
    labels, _ = in_blocks(classes, depth, block_px=32, look_px=300)
    assert labels.max() == 12
    assert np.array_equal(labels, instances_from_classes(classes, depth))


def test_what_sticks_out_too_far_is_one_object_all_the_same():
    classes = np.zeros((300, 300), np.uint8)
    classes[60:290, 60:290] = 1
    classes[5:50, 5:50] = 1
    labels, result = in_blocks(classes, block_px=64, look_px=32)
    assert result == (2, 1)
    assert np.array_equal(labels > 0, classes > 0)
    assert len(np.unique(labels[60:290, 60:290])) == 1


def test_cells_that_all_touch_stay_apart_where_they_cannot_be_followed_to_the_end():
    rows, columns = np.mgrid[:320, :320] % 20 - 10
    classes = (rows**2 + columns**2 <= 115).astype(np.uint8)
    labels, result = in_blocks(classes, block_px=64, look_px=48)
    assert result.followed_in_part == result.objects
    assert np.array_equal(labels, instances_from_classes(classes))


@pytest.mark.parametrize("value", [0, 1])
def test_a_plane_of_one_class_has_one_object_or_none(value):
    labels, result = in_blocks(np.full((100, 90), value, np.uint8), block_px=40, look_px=20)
    assert (labels == value).all()
    assert result.objects == value


def test_a_cancel_stops_between_two_blocks():
    token, labels = CancelToken(), np.zeros((100, 100), np.int32)
    steps = label_in_blocks(np.ones((100, 100), np.uint8), labels, block_px=50, token=token)
    assert next(steps) == (1, 8)
    token.cancel()
    with pytest.raises(Cancelled):
        next(steps)
