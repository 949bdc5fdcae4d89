"""Paired tests: by hand for few groups, fair under the null; and Holm's correction."""

import itertools

import numpy as np
import pytest

from napari_metaseg.evaluation.intervals import macro_interval
from napari_metaseg.evaluation.paired import EXACT_GROUPS, holm, paired_test


def test_three_groups_by_hand():
    test = paired_test([0.3, 0.2, 0.1], ["a", "b", "c"])
    assert test.difference == pytest.approx(0.2)
    assert test.p == pytest.approx(2 / 8)  # only +++ and --- lie as far out
    assert (test.groups, test.exact) == (3, True)
    # patterns of (3, 2, -1) at least 4 away from 0: +++- is 4, so +,+,- own; 6 too: 4 of 8
    assert paired_test([0.3, 0.2, -0.1], ["a", "b", "c"]).p == pytest.approx(4 / 8)


def test_a_group_is_flipped_whole():
    differences, groups = [0.1, 0.1, 0.1, 0.1, 0.1, 0.1], ["a", "a", "a", "b", "b", "b"]
    assert paired_test(differences, groups).p == pytest.approx(2 / 4)
    assert paired_test(differences, list("abcdef")).p == pytest.approx(2 / 64)


def test_the_exact_p_counts_every_pattern_of_the_weighted_mean():
    rng = np.random.default_rng(3)
    d, w = rng.normal(0.2, 1, 7), rng.uniform(0.5, 2, 7)
    mean = abs(float(np.dot(w, d)))
    far = [
        abs(sum(s * a * b for s, a, b in zip(signs, w, d, strict=True))) >= mean - 1e-9
        for signs in itertools.product((-1, 1), repeat=7)
    ]
    test = paired_test(list(d), list("abcdefg"), weights=list(w))
    assert test.p == pytest.approx(np.mean(far))
    assert test.difference == pytest.approx(np.average(d, weights=w))


def test_without_a_difference_small_p_are_as_rare_as_they_say():
    rng = np.random.default_rng(0)
    names = [f"g{i}" for i in range(10)]
    p = np.array([paired_test(list(rng.normal(size=10)), names).p for _ in range(800)])
    for level in (0.05, 0.2, 0.5):
        assert np.mean(p <= level) == pytest.approx(level, abs=0.05)


def test_draws_agree_with_a_normal_approximation_and_never_give_zero():
    many = [f"g{i}" for i in range(EXACT_GROUPS + 8)]
    sure = paired_test([0.1] * len(many), many)
    assert not sure.exact
    assert 0 < sure.p < 1e-3
    shuffled = np.random.default_rng(1).normal(0.3, 1, len(many))
    order = np.random.default_rng(2).permutation(len(many))
    first = paired_test(list(shuffled), many)
    again = paired_test(list(shuffled[order]), [many[i] for i in order])
    assert first.p == again.p


def test_one_group_cannot_be_tested():
    assert paired_test([0.1, 0.3], ["a", "a"]).p is None


def test_holm_by_hand():
    # 0.01 x 4, 0.02 x 3, 0.03 x 2 = 0.06, 0.04 x 1 raised to 0.06
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([None, 0.5, 0.6]) == [None, 1.0, 1.0]
    assert holm([]) == []


def test_holm_is_monotone_never_below_the_raw_p_and_never_above_one():
    rng = np.random.default_rng(5)
    for _ in range(50):
        raw = list(rng.uniform(0, 1, rng.integers(1, 12)) ** 3)
        adjusted = holm(raw)
        pairs = sorted(zip(raw, adjusted, strict=True))
        assert all(a >= r for r, a in pairs)
        assert all(x[1] <= y[1] for x, y in itertools.pairwise(pairs))
        assert max(adjusted) <= 1
        assert min(adjusted) <= min(1, len(raw) * min(raw)) + 1e-12


def test_the_macro_interval_gives_every_stratum_equal_weight():
    groups = [f"g{i}" for i in range(20)] * 2
    strata = ["often"] * 20 + ["rare"] * 20
    values = [0.2] * 20 + [0.8] * 20
    assert macro_interval(values, groups, strata) == pytest.approx((0.5, 0.5))
    uneven = [*range(20), 0, 1]
    low, high = macro_interval(
        [0.2] * 20 + [0.7, 0.9], [f"g{i}" for i in uneven], ["often"] * 20 + ["rare"] * 2
    )
    assert 0.2 <= low < 0.5 < high <= 0.55 + 1e-9
    assert macro_interval([0.1, 0.2], ["g", "g"], ["a", "b"]) is None
