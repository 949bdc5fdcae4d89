import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from napari_metaseg.errors import InputError
from napari_metaseg.evaluation import objects
from napari_metaseg.evaluation.objects import (
    THRESHOLDS,
    match_objects,
    object_scores,
    overlap_objects,
)

LABELS = arrays(np.int32, (6, 7), elements=st.integers(0, 4))


def row(text: str) -> np.ndarray:
    """A plane of one row; each digit is a pixel's label."""
    return np.array([[int(digit) for digit in text]])


def test_hand_worked_case_with_a_match_a_miss_and_an_invention():
    truth = row("1111100002200")
    predicted = row("0333300000077")
    matching = match_objects(overlap_objects(truth, predicted))
    assert_array_equal(matching.matched, [[1, 3]])
    assert_array_equal(matching.ious, [4 / 5])
    assert_array_equal(matching.missed, [2])
    assert_array_equal(matching.invented, [7])
    assert matching.f1 == pytest.approx(1 / 2)
    assert matching.pq == pytest.approx(4 / 5 / 2)


def test_mean_f1_runs_over_ten_thresholds_and_a_tie_reaches_its_threshold():
    scores = object_scores(row("11111"), row("11110"))
    assert scores.f1_50 == 1
    assert scores.f1_50_95 == pytest.approx(7 / 10)
    assert scores.pq == pytest.approx(4 / 5)
    assert len(THRESHOLDS) == 10


def test_two_halves_of_one_object_count_once():
    matching = match_objects(overlap_objects(row("1111"), row("1122")), 0.5)
    assert len(matching.matched) == 1
    assert len(matching.invented) == 1
    assert matching.f1 == pytest.approx(2 / 3)


def test_below_one_half_the_assignment_serves_as_many_objects_as_possible():
    # Object 1 prefers prediction 1, the only partner that object 2 has.
    truth, predicted = row("1111122"), row("2211111")
    matching = match_objects(overlap_objects(truth, predicted), 0.1)
    assert_array_equal(matching.matched, [[1, 2], [2, 1]])


def test_a_far_off_pair_does_not_disturb_a_contested_one():
    truth, predicted = row("11122200444"), row("11111100444")
    matching = match_objects(overlap_objects(truth, predicted), 0.4)
    assert_array_equal(matching.matched[:, 0], [1, 4])
    assert len(matching.missed) == 1


@pytest.mark.parametrize(
    ("truth", "predicted", "score"), [("00", "00", 1), ("00", "01", 0), ("10", "00", 0)]
)
def test_empty_planes(truth, predicted, score):
    scores = object_scores(row(truth), row(predicted))
    assert (scores.f1_50, scores.f1_50_95, scores.pq) == (score, score, score)


def test_without_an_annotated_pixel_there_is_no_score():
    assert object_scores(row("11"), row("11"), np.zeros((1, 2), bool)) is None


def test_objects_are_compared_on_annotated_pixels_only():
    valid = row("1111110000").astype(bool)
    scores = object_scores(row("0000111111"), row("0000110000"), valid)
    assert scores.pq == 1


def test_an_object_mostly_outside_the_annotated_area_is_no_error():
    valid = row("1111100000").astype(bool)
    assert object_scores(row("1110000000"), row("1110222222"), valid).f1_50 == 1
    assert object_scores(row("1110000000"), row("1112220000"), valid).f1_50 == pytest.approx(2 / 3)
    assert object_scores(row("1110222222"), row("1110000000"), valid).f1_50 == 1


def test_planes_of_another_size_are_refused():
    with pytest.raises(InputError, match="differ in size"):
        object_scores(row("11"), row("111"))


@given(LABELS, LABELS)
def test_scores_are_symmetric_and_bounded(truth, predicted):
    there, back = object_scores(truth, predicted), object_scores(predicted, truth)
    assert there.f1_50 == back.f1_50
    assert there.pq == pytest.approx(back.pq)
    rounding = 1e-12
    assert 0 <= there.f1_50_95 <= there.f1_50 + rounding <= 1 + rounding
    assert 0 <= there.pq <= there.f1_50 + rounding


@given(LABELS, LABELS, st.permutations(range(1, 5)), st.sampled_from([1, 1000, 2**25]))
@settings(max_examples=60)
def test_the_numbers_of_objects_do_not_matter(truth, predicted, order, step):
    table = np.array([0, *order]) * step
    there, renamed = object_scores(truth, predicted), object_scores(truth, table[predicted])
    assert renamed.f1_50 == there.f1_50
    assert renamed.f1_50_95 == pytest.approx(there.f1_50_95)
    assert renamed.pq == pytest.approx(there.pq)


@given(LABELS)
def test_a_perfect_prediction_scores_one(labels):
    scores = object_scores(labels, labels)
    assert (scores.f1_50, scores.f1_50_95, scores.pq) == (1, 1, 1)


@given(LABELS, LABELS)
def test_ious_are_those_of_the_masks(truth, predicted):
    overlap = overlap_objects(truth, predicted)
    for (i, j), value in zip(overlap.pairs, overlap.ious, strict=True):
        t, p = truth == overlap.truth_ids[i], predicted == overlap.predicted_ids[j]
        assert value == pytest.approx((t & p).sum() / (t | p).sum())


@given(LABELS, LABELS)
@settings(max_examples=50)
def test_many_objects_are_counted_the_same_without_a_dense_table(truth, predicted):
    dense = overlap_objects(truth, predicted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objects, "_LARGEST_TABLE", 0)
        sparse = overlap_objects(truth, predicted)
    assert_array_equal(sparse.truth_ids, dense.truth_ids)
    assert_array_equal(sparse.pairs, dense.pairs)
    assert_array_equal(sparse.ious, dense.ious)
