"""Each encoding is continuous over the trained range, tells values apart, and is worked by hand."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import get_args

import pytest

from napari_metaseg.conditioning.encodings import (
    ENCODINGS,
    MOST_LEVELS,
    Encoding,
    encode_number,
    encoded_size,
    thermometer_levels,
)

LEVELS = (-1.0, -0.5, 1.0)


def test_every_encoding_has_a_sentence_for_people():
    assert set(ENCODINGS) == set(get_args(Encoding))
    assert all(sentence.endswith(".") for sentence in ENCODINGS.values())


@pytest.mark.parametrize(
    ("encoding", "z", "expected"),
    [
        ("value", 0.25, [0.25]),
        ("fourier", 0.0, [0, 1, 0, 1]),
        ("fourier", 0.5, [math.sqrt(0.5), math.sqrt(0.5), 1, 0]),
        ("fourier", -1.0, [-1, 0, 0, -1]),
        ("thermometer", -1.0, [0, 0]),
        ("thermometer", -0.5, [1, 0]),
        ("thermometer", 0.25, [1, 0.5]),
        ("thermometer", 1.0, [1, 1]),
        ("thermometer", 2.5, [1, 2]),
        ("thermometer", -1.5, [-1, 0]),
    ],
)
def test_worked_by_hand(encoding, z, expected):
    assert encode_number(encoding, z, LEVELS) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_trained_range_is_told_apart_and_without_jumps(encoding):
    points = [-1 + i / 50 for i in range(101)]
    codes = [encode_number(encoding, z, LEVELS) for z in points]
    assert all(len(code) == encoded_size(encoding, LEVELS) for code in codes)
    steps = [math.dist(a, b) for a, b in pairwise(codes)]
    assert min(steps) > 0.01
    assert max(steps) < 0.1
    assert len({tuple(round(n, 9) for n in code) for code in codes}) == len(codes)


def test_many_levels_become_a_few_even_ones_over_the_same_range():
    levels = thermometer_levels([math.sqrt(i) for i in range(30)])
    assert len(levels) == MOST_LEVELS
    assert (levels[0], levels[-1]) == pytest.approx((0, math.sqrt(29)))
    assert levels[1] - levels[0] == pytest.approx(levels[-1] - levels[-2])
