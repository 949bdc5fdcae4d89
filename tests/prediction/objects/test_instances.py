import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_metaseg.datasets.labels import convert_labels
from napari_metaseg.datasets.object_targets import (
    foreground_and_depth,
    output_count,
    training_classes,
)
from napari_metaseg.evaluation.objects import match_objects, overlap_objects
from napari_metaseg.prediction.objects.instances import (
    classes_from_probability,
    instances_from_classes,
)


def discs(*circles, side=100):
    y, x = np.mgrid[:side, :side]
    out = np.zeros((side, side), np.uint8)
    for cy, cx, radius in circles:
        out[(y - cy) ** 2 + (x - cx) ** 2 <= radius**2] = 1
    return out


@pytest.mark.parametrize("scale", [1, 3])
def test_touching_objects_are_split_at_any_size(scale):
    circles = [(20 * scale, 20 * scale, 8 * scale), (20 * scale, 34 * scale, 8 * scale)]
    labels = instances_from_classes(discs(*circles, side=60 * scale))
    assert labels.max() == 2
    areas = np.bincount(labels.ravel())[1:]
    assert areas[0] == pytest.approx(areas[1], rel=0.1)


def test_a_round_object_stays_one_and_all_its_pixels():
    mask = discs((50, 50, 20))
    assert np.array_equal(instances_from_classes(mask) > 0, mask > 0)
    assert instances_from_classes(mask).max() == 1


def test_specks_are_dropped_and_numbers_have_no_gaps():
    mask = discs((20, 20, 10), (70, 70, 10))
    mask[90, 5] = 1
    labels = instances_from_classes(mask)
    assert sorted(np.unique(labels)) == [0, 1, 2]
    assert labels[90, 5] == 0


def test_no_object_spans_two_classes():
    classes = discs((30, 30, 12))
    classes[30:, :] *= 2
    labels = instances_from_classes(classes)
    for number in range(1, labels.max() + 1):
        assert len(np.unique(classes[labels == number])) == 1


def test_an_empty_plane_has_no_objects():
    assert instances_from_classes(np.zeros((9, 9), np.uint8)).max() == 0


def test_small_objects_without_a_clear_middle_are_kept():
    mask = np.zeros((30, 30), np.uint8)
    mask[5:7, 5:9] = 1
    mask[20:22, 5:9] = 1
    assert instances_from_classes(mask).max() == 2


def test_classes_follow_the_threshold_or_the_largest():
    probability = np.array([[[0.2, 0.5, 0.9]]], np.float32)
    assert classes_from_probability(probability).tolist() == [[0, 1, 1]]
    assert classes_from_probability(probability, 0.6).tolist() == [[0, 0, 1]]
    several = np.array([[[0.6]], [[0.1]], [[0.3]]], np.float32)
    assert classes_from_probability(several).tolist() == [[0]]


def touching_discs(seed, side=72, most=9):
    """Discs of radius 5 to 12 px, most of them cut by a straight seam where they touch another."""
    rng, circles = np.random.default_rng(seed), []
    for _ in range(200):
        radius, (cy, cx) = rng.uniform(5, 12), rng.uniform(0, side, 2)
        if circles and rng.random() < 0.8:
            oy, ox, other = circles[rng.integers(len(circles))]
            angle, apart = rng.uniform(0, 2 * np.pi), 0.85 * (radius + other)
            cy, cx = oy + apart * np.sin(angle), ox + apart * np.cos(angle)
        gaps = [np.hypot(cy - y, cx - x) - max(0.85 * (radius + r), r, radius)
                for y, x, r in circles]  # fmt: skip
        if 0 <= cy < side and 0 <= cx < side and min(gaps, default=0) >= -1e-9:
            circles.append((cy, cx, radius))
    y, x = np.mgrid[:side, :side]
    labels, nearest = np.zeros((side, side), np.int32), np.zeros((side, side))
    for number, (cy, cx, radius) in enumerate(circles[:most], start=1):
        power = (y - cy) ** 2 + (x - cx) ** 2 - radius**2
        labels[power < nearest] = number
        nearest = np.minimum(nearest, power)
    areas = np.bincount(labels.ravel(), minlength=len(circles) + 1)[: len(circles) + 1]
    whole = np.array([0, *(np.pi * radius**2 for _, _, radius in circles)])
    return np.where((areas >= 0.6 * whole)[labels], labels, 0).astype(np.int32)


def separated(labels, objects):
    """The objects that outputs without a fault of such a network are separated into."""
    classes = training_classes(convert_labels(labels, "instances"), objects)
    outputs = np.stack([classes == k for k in range(output_count(objects, 1))])
    probability, depth = foreground_and_depth(outputs.astype(np.float32), objects)
    return instances_from_classes(classes_from_probability(probability[None]), depth)


@pytest.mark.parametrize("objects", ["boundary", "distance"])
@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_outputs_without_a_fault_give_the_same_objects_back(objects, seed):
    labels = touching_discs(seed)
    found = separated(labels, objects)
    assert np.array_equal(found > 0, labels > 0)
    matching = match_objects(overlap_objects(labels, found), 0.7)
    assert (len(matching.missed), len(matching.invented)) == (0, 0)


def test_objects_without_a_neck_are_parted_by_their_rims_alone():
    labels = np.zeros((40, 60), np.int32)
    labels[5:35, 5:30], labels[5:35, 30:55] = 1, 2
    assert instances_from_classes(labels > 0).max() == 1
    for objects in ("boundary", "distance"):
        assert np.array_equal(separated(labels, objects), labels)


def test_a_dip_too_shallow_parts_nothing_and_a_threshold_cuts_what_has_depth_too():
    depth = np.full((20, 40), 0.8, np.float32)
    depth[:, 19:21] = 0.75
    mask = np.ones((20, 40), np.uint8)
    assert instances_from_classes(mask, depth).max() == 1
    depth[:, 19:21] = 0.4
    assert instances_from_classes(mask, depth).max() == 2
    mask[:, :19] = 0
    found = instances_from_classes(mask, depth)
    assert found.max() == 1
    assert np.array_equal(found > 0, mask > 0)


def test_a_piece_without_any_depth_is_an_object_all_the_same():
    mask = discs((20, 20, 8), (60, 60, 8))
    assert instances_from_classes(mask, np.zeros(mask.shape, np.float32)).max() == 2
