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
    "value": "Each number enters as it is, after scaling: the simplest, and smooth between values.",
    "fourier": "Each number enters as two slow waves, which lets the network bend more freely.",
    "thermometer": "Each number fills a scale of the trained levels: suits a few ordered settings.",
}

MOST_LEVELS = 8


def encoded_size(encoding: Encoding, levels: Sequence[float]) -> int:
    """How many numbers the encoding takes, given the trained levels."""
    return {"value": 1, "fourier": 4, "thermometer": len(levels) - 1}[encoding]


def encode_number(encoding: Encoding, z: float, levels: Sequence[float]) -> list[float]:
    """The numbers for `z`; `levels` are the scaled trained values in rising order."""
    if encoding == "fourier":
        return _waves(z)
    if encoding == "thermometer":
        return _thermometer(z, levels)
    return [z]


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


def thermometer_levels(levels: Sequence[float]) -> tuple[float, ...]:
    """The levels themselves, or `MOST_LEVELS` even ones over their range where there are more."""
    if len(levels) <= MOST_LEVELS:
        return tuple(levels)
    low, high = levels[0], levels[-1]
    return tuple(low + (high - low) * i / (MOST_LEVELS - 1) for i in range(MOST_LEVELS))
