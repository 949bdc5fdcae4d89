"""A few widths stand for many, and percentiles count each as often as it stands for one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_metaseg.datasets.labels import LabelTarget
from napari_metaseg.datasets.object_widths import (
    MOST_WIDTHS,
    measure_widths,
    weighted_percentiles,
)

PERCENT = (5.0, 50.0, 95.0)


@given(
    st.lists(st.tuples(st.floats(1, 99), st.integers(1, 5)), min_size=1, max_size=30),
)
def test_percentiles_are_those_of_values_repeated(pairs):
    values, weights = (np.array(part, float) for part in zip(*pairs, strict=True))
    expected = np.percentile(np.repeat(values, weights.astype(int)), PERCENT)
    assert weighted_percentiles(values, weights, PERCENT) == pytest.approx(expected)


def test_many_objects_are_told_by_some_of_them():
    sides = np.random.default_rng(0).integers(4, 12, 400)
    labels = np.zeros((20 * 16, 20 * 16 + 80), np.int32)
    for n, side in enumerate(sides):
        y, x = 16 * (n // 24) + 2, 16 * (n % 24) + 2
        labels[y : y + side, x : x + side] = n + 1
    target = LabelTarget((labels > 0).astype(np.int16), np.ones(labels.shape, bool), labels)
    widths = measure_widths(target)
    assert (len(widths.px), widths.objects) == (MOST_WIDTHS, 400)
    assert widths.weight * MOST_WIDTHS == 400
    every = sides * np.sqrt(4 / np.pi)
    few = weighted_percentiles(
        widths.px.astype(float), np.full(MOST_WIDTHS, widths.weight), PERCENT
    )
    assert few == pytest.approx(np.percentile(every, PERCENT), rel=0.1)
    assert measure_widths(None).objects == 0
