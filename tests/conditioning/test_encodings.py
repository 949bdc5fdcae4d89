"""Each encoding is continuous over the trained range, tells values apart, and is worked by hand."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import get_args

import pytest

from napari_metaseg.conditioning.encodings import (
    ENCODINGS,
    MOST_CATEGORIES,
    MOST_LEVELS,
    Encoding,
    encode_number,
    encoded_size,
    encoding_levels,
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
        ("normalised", 0.25, [0.25]),
        ("log2", -0.5, [-0.5]),
        ("one-hot", -0.7, [0, 1, 0]),
        ("one-hot", 0.3, [0, 0, 1]),
        ("one-hot", -0.75, [1, 0, 0]),
        ("one-hot", 9.0, [0, 0, 1]),
        ("cos-sin", -1.0, [1, 0]),
        ("cos-sin", 0.0, [math.sqrt(0.5), math.sqrt(0.5)]),
        ("cos-sin", 1.0, [0, 1]),
        ("eigen", -1.0, [-0.5]),
        ("eigen", 0.0, [0]),
        ("eigen", 1.0, [1]),
    ],
)
def test_worked_by_hand(encoding, z, expected):
    assert encode_number(encoding, z, LEVELS) == pytest.approx(expected, abs=1e-12)


SMOOTH = [encoding for encoding in ENCODINGS if encoding != "one-hot"]


@pytest.mark.parametrize("encoding", SMOOTH)
def test_the_trained_range_is_told_apart_and_without_jumps(encoding):
    points = [-1 + i / 50 for i in range(101)]
    codes = [encode_number(encoding, z, LEVELS) for z in points]
    assert all(len(code) == encoded_size(encoding, LEVELS) for code in codes)
    steps = [math.dist(a, b) for a, b in pairwise(codes)]
    assert min(steps) > 0.003
    assert max(steps) < 0.1
    assert len({tuple(round(n, 9) for n in code) for code in codes}) == len(codes)


def test_one_hot_knows_its_levels_alone():
    codes = {tuple(encode_number("one-hot", -1 + i / 50, LEVELS)) for i in range(101)}
    assert codes == {(1, 0, 0), (0, 1, 0), (0, 0, 1)}


def test_cos_sin_is_equally_strong_everywhere():
    for i in range(21):
        assert math.hypot(*encode_number("cos-sin", -1 + i / 10, ())) == pytest.approx(1)


def test_the_eigenvalue_is_positive_and_opposite_values_cancel():
    for z in (0.1, 0.6, 1.0, 4.0):
        up, down = (1 + encode_number("eigen", sign * z, ())[0] for sign in (1, -1))
        assert up * down == pytest.approx(1)
        assert 0 < down < 1 < up < 2.5


@pytest.mark.parametrize(("encoding", "most"), [("thermometer", MOST_LEVELS), ("one-hot", 16)])
def test_many_levels_become_a_few_even_ones_over_the_same_range(encoding, most):
    values = [math.sqrt(i) for i in range(30)]
    assert encoding_levels(encoding, values[:most]) == tuple(values[:most])
    levels = encoding_levels(encoding, values)
    assert len(levels) == most
    assert (levels[0], levels[-1]) == pytest.approx((0, math.sqrt(29)))
    assert levels[1] - levels[0] == pytest.approx(levels[-1] - levels[-2])
    assert MOST_CATEGORIES == 16
