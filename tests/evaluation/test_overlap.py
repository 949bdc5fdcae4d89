import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score, jaccard_score

from napari_metaseg.errors import InputError
from napari_metaseg.evaluation.overlap import dice, iou

PLANES = st.tuples(
    arrays(np.int16, (5, 6), elements=st.integers(0, 3)),
    arrays(np.int16, (5, 6), elements=st.integers(0, 3)),
    arrays(np.bool_, (5, 6)),
)


def test_hand_worked_binary_case():
    truth = np.array([[1, 1, 0], [0, 0, 0]])
    predicted = np.array([[0, 1, 1], [1, 0, 0]])
    assert iou(truth, predicted) == pytest.approx(1 / 4)
    assert dice(truth, predicted) == pytest.approx(2 / 5)


def test_classes_absent_from_both_do_not_count():
    truth = np.array([[1, 1, 5, 5]])
    predicted = np.array([[1, 0, 5, 5]])
    assert iou(truth, predicted) == pytest.approx((1 / 2 + 1) / 2)


def test_a_class_only_predicted_counts_as_zero():
    assert dice(np.array([[1, 0]]), np.array([[1, 2]])) == pytest.approx(1 / 2)


def test_only_annotated_pixels_count():
    truth = np.array([[1, 1, 0, 0]])
    predicted = np.array([[1, 0, 1, 1]])
    valid = np.array([[True, True, False, False]])
    assert iou(truth, predicted, valid) == pytest.approx(1 / 2)


@pytest.mark.parametrize("score", [iou, dice])
def test_empty_planes(score):
    nothing, something = np.zeros((2, 2), int), np.eye(2, dtype=int)
    assert score(nothing, nothing) == 1
    assert score(nothing, something) == 0
    assert score(something, nothing) == 0
    assert score(something, something, np.zeros((2, 2), bool)) is None
    assert score(np.zeros((0, 4), int), np.zeros((0, 4), int)) is None


def test_planes_of_another_size_are_refused():
    with pytest.raises(InputError, match=r"differ in size.*\(2, 3\) and \(2, 2\)"):
        iou(np.zeros((2, 2), int), np.zeros((2, 3), int))
    with pytest.raises(InputError, match="mask of annotated pixels"):
        dice(np.zeros((2, 2), int), np.zeros((2, 2), int), np.ones((3, 2), bool))


@given(PLANES)
def test_agrees_with_scikit_learn(planes):
    truth, predicted, valid = planes
    t, p = truth[valid], predicted[valid]
    classes = sorted((set(t) | set(p)) - {0})
    if not classes:
        return
    usual = {"labels": classes, "average": "macro", "zero_division": 0}
    assert iou(truth, predicted, valid) == pytest.approx(jaccard_score(t, p, **usual))
    assert dice(truth, predicted, valid) == pytest.approx(f1_score(t, p, **usual))


@given(PLANES)
@settings(max_examples=50)
def test_scores_are_symmetric_bounded_and_perfect_against_themselves(planes):
    truth, predicted, _ = planes
    assert iou(truth, predicted) == iou(predicted, truth)
    assert 0 <= iou(truth, predicted) <= dice(truth, predicted) <= 1
    assert iou(truth, truth) == dice(truth, truth) == 1
