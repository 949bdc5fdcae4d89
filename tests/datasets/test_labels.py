import numpy as np
import pytest
from numpy.testing import assert_array_equal

from napari_metaseg.datasets.labels import convert_labels
from napari_metaseg.errors import InputError


def test_instances_become_one_foreground_class_and_keep_their_numbers():
    target = convert_labels(np.array([[0, 7], [300, 7]], dtype=np.uint16), "instances")
    assert_array_equal(target.classes, [[0, 1], [1, 1]])
    assert_array_equal(target.instances, [[0, 7], [300, 7]])
    assert target.valid.all()


def test_classes_are_taken_as_they_stand_without_objects():
    target = convert_labels(np.array([[0, 1], [2, 3]]), "classes")
    assert_array_equal(target.classes, [[0, 1], [2, 3]])
    assert target.valid.all()
    assert target.instances is None


def test_sparse_labels_tell_unannotated_from_background():
    target = convert_labels(np.array([[0, 1], [2, 3]], dtype=np.uint8), "sparse")
    assert_array_equal(target.valid, [[False, True], [True, True]])
    assert_array_equal(target.classes, [[0, 0], [1, 2]])
    assert target.instances is None


@pytest.mark.parametrize("kind", ["instances", "classes", "sparse"])
def test_the_arrays_have_their_promised_types_and_are_new(kind):
    raw = np.ones((3, 4), dtype=np.int32)
    target = convert_labels(raw, kind)
    raw[:] = 2
    assert target.classes.dtype == np.int16
    assert target.valid.dtype == np.bool_
    assert target.classes.max() <= 1
    if target.instances is not None:
        assert target.instances.dtype == np.int32
        assert target.instances.max() == 1


def test_a_mask_is_one_object_or_one_class():
    mask = np.array([[True, False]])
    assert_array_equal(convert_labels(mask, "instances").instances, [[1, 0]])
    assert_array_equal(convert_labels(mask, "classes").classes, [[1, 0]])


def test_object_numbers_beyond_32_bits_stay_distinct():
    raw = np.array([[0, 2**40, 2**40 + 1, 5]], dtype=np.int64)
    assert_array_equal(convert_labels(raw, "instances").instances, [[0, 2, 3, 1]])
    assert_array_equal(convert_labels(raw[:, 1:], "instances").instances, [[2, 3, 1]])


def test_an_empty_field_is_valid():
    target = convert_labels(np.zeros((2, 2), dtype=np.uint8), "instances")
    assert target.valid.all()
    assert not target.classes.any()


@pytest.mark.parametrize(
    ("raw", "kind", "message"),
    [
        (np.array([[0.5, 1.0]]), "instances", "whole numbers.*float64"),
        (np.array([[-1, 1]]), "classes", "negative.*-1"),
        (np.array([[0, 40_000]]), "classes", "class 40000.*label_kind to instances"),
        (np.zeros((2, 2, 3), dtype=np.uint8), "instances", r"axes YX.*\(2, 2, 3\)"),
        (np.zeros(4, dtype=np.uint8), "classes", r"axes YX.*\(4,\)"),
        (np.array([[2**63]], dtype=np.uint64), "instances", "too large"),
        (np.array([[1]]), "outlines", "unknown label_kind.*'outlines'"),
    ],
)
def test_labels_that_cannot_be_used_are_refused_with_what_they_are(raw, kind, message):
    with pytest.raises(InputError, match=message):
        convert_labels(raw, kind)
