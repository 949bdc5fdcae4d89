import numpy as np
import pytest

from napari_metaseg.evaluation.intervals import bootstrap_interval


def test_fewer_than_two_groups_give_no_interval():
    assert bootstrap_interval([0.1, 0.9], ["a", "a"]) is None
    assert bootstrap_interval([], []) is None


def test_the_interval_is_fixed_by_values_and_seed_not_by_their_order():
    values, groups = [0.1, 0.5, 0.7, 0.9, 0.33, 0.42, 0.77], list("abbcdef")
    there = bootstrap_interval(values, groups, seed=3)
    assert there == bootstrap_interval(values, groups, seed=3)
    assert there == pytest.approx(bootstrap_interval(values[::-1], groups[::-1], seed=3))
    assert there != bootstrap_interval(values, groups, seed=4)


def test_it_covers_the_mean_of_many_images_at_the_expected_width():
    values = np.random.default_rng(0).normal(0.6, 0.1, 400)
    low, high = bootstrap_interval(values, [str(i) for i in range(400)])
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_images_of_one_group_do_not_narrow_the_interval():
    rng = np.random.default_rng(1)
    of_group = rng.normal(0.6, 0.1, 20)
    values, groups = np.repeat(of_group, 10), np.repeat(np.arange(20), 10).astype(str)
    clustered = np.ptp(bootstrap_interval(values, groups))
    naive = np.ptp(bootstrap_interval(values, [str(i) for i in range(200)]))
    assert clustered > 2.5 * naive


def test_equal_values_give_an_interval_of_no_width():
    assert bootstrap_interval([0.5, 0.5], ["a", "b"]) == (0.5, 0.5)
