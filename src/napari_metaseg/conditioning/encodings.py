"""Ways to write one number as network input; each is exact, bounded in size and easy to read.

All take a number already scaled so that the trained range is [-1, 1].
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

Encoding = Literal[
    "value",
    "normalised",
    "log2",
    "one-hot",
    "thermometer",
    "fourier",
    "cos-sin",
    "eigen",
]

ENCODINGS: Mapping[str, str] = {
    "value": "Each number enters as it is, after scaling (in octaves or decades where usual): the "
    "simplest, and smooth between values.",
    "normalised": "Each number enters as it is, scaled evenly over its trained range: twice the "
    "number is not always the same step.",
    "log2": "Each number above 0 enters by its octave, so that doubling is one step everywhere.",
    "one-hot": "Each number counts as the nearest trained one: nothing lies in between.",
    "thermometer": "Each number fills a scale of the trained levels: suits a few ordered settings.",
    "fourier": "Each number enters as two slow waves, which lets the network bend more freely.",
    "cos-sin": "Each number enters as a point on a quarter circle, so that every value is equally "
    "strong.",
    "eigen": "Each number stretches an axis of its own, up to twice or half, and the middle "
    "of the trained range changes nothing.",
}

MOST_LEVELS = 8
MOST_CATEGORIES = 16
EIGEN_KAPPA = math.log(2) / math.tanh(1)
"""κ of the eigen encoding: the ends of the trained range have the eigenvalues 1/2 and 2."""


def encoded_size(encoding: Encoding, levels: Sequence[float]) -> int:
    """How many numbers the encoding takes, given the levels (see `encoding_levels`)."""
    by_levels = {"thermometer": len(levels) - 1, "one-hot": len(levels)}
    return by_levels.get(encoding, {"fourier": 4, "cos-sin": 2}.get(encoding, 1))


def encode_number(encoding: Encoding, z: float, levels: Sequence[float]) -> list[float]:
    """The numbers for `z`; `levels` are the scaled trained values in rising order.

    value, normalised, log2: z itself, they differ in how a field scales its numbers. cos-sin:
    (cos πu/2, sin πu/2) with u = (z + 1) / 2, whose norm is 1 (Ortiz, Guttag and Dalca,
    arXiv 2304.07645, in code: JJGO/hyperlight). eigen: exp(κ tanh z) - 1.
    """
    if encoding == "fourier":
        return _waves(z)
    if encoding == "thermometer":
        return _thermometer(z, levels)
    if encoding == "one-hot":
        chosen = nearest_level(z, levels)
        return [float(i == chosen) for i in range(len(levels))]
    if encoding == "cos-sin":
        angle = math.pi / 4 * (z + 1)
        return [math.cos(angle), math.sin(angle)]
    return [_eigenvalue(z) - 1] if encoding == "eigen" else [z]


def nearest_level(z: float, levels: Sequence[float]) -> int:
    """The place of the level closest to `z`; of two equally close ones the lower."""
    return min(range(len(levels)), key=lambda i: abs(levels[i] - z))


def _waves(z: float) -> list[float]:
    """Sine and cosine of the half and the whole turn (hyperlight's encoding and one order more)."""
    return [wave(turn * z) for turn in (math.pi / 2, math.pi) for wave in (math.sin, math.cos)]


def _thermometer(z: float, levels: Sequence[float]) -> list[float]:
    """How far each step between neighbouring levels is filled.

    Inside a step linear, below 0 and above 1 only in the outermost steps, so that values beyond the
    levels stay distinct (the schema clamps them first unless it extrapolates).
    """
    filled = [(z - a) / (b - a) for a, b in pairwise(levels)]
    last = len(filled) - 1
    return [
        max(0.0 if i else -math.inf, min(1.0 if i < last else math.inf, f))
        for i, f in enumerate(filled)
    ]


def _eigenvalue(z: float) -> float:
    """λ = exp(κ tanh z): positive, 1 at the middle, log-linear around it, bounded.

    The proposal of "Incorporating Metadata for Semantic Segmentation" for ordinal and continuous
    values: every field owns an eigenvector, here its own input axis, and its value the eigenvalue.
    """
    return math.exp(EIGEN_KAPPA * math.tanh(z))


def encoding_levels(encoding: Encoding, values: Sequence[float]) -> tuple[float, ...]:
    """The levels of an encoding that has some: the trained values, or even ones if too many."""
    if encoding == "one-hot":
        return even_levels(values, MOST_CATEGORIES)
    return even_levels(values, MOST_LEVELS) if encoding == "thermometer" else ()


def even_levels(values: Sequence[float], most: int) -> tuple[float, ...]:
    """The values (rising) themselves, or `most` even ones over their range if there are more."""
    if len(values) <= most:
        return tuple(values)
    low, high = values[0], values[-1]
    return tuple(low + (high - low) * i / (most - 1) for i in range(most))
