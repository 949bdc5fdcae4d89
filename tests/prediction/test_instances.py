import numpy as np
import pytest

from napari_metaseg.prediction.instances import classes_from_probability, instances_from_classes


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
