"""Values by their rank among very many, exactly and in little memory: they are counted, not sorted.

Small integers are counted by value. Of a float32 the upper half of its bits is counted first, then
the lower half of those that share an upper half with a wanted one: a radix sort that keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Blocks = Callable[[], Iterable[NDArray[np.generic]]]
"""Gives all values of some channels in parts (C, ...), and again each time it is called."""

_KEYS = 2**16


class Ranked(NamedTuple):
    """The values at the wanted ranks of one channel, and how many values it has in all."""

    values: NDArray[np.float64]
    total: int


class NotFinite(ValueError):
    """Some values are no numbers: `bad` of `size`."""

    def __init__(self, bad: int, size: int) -> None:
        super().__init__(f"{bad} of {size}")
        self.bad, self.size = bad, size


def ranked(blocks: Blocks, choose: Callable[[int], Sequence[int]]) -> tuple[Ranked, ...]:
    """For each channel the values at the ranks, from 0, that `choose` names once it knows how many.

    The blocks, of one type, are gone through once for integers of up to 16 bits, else twice; those
    count as float32. Raises `NotFinite`, and `ValueError` where there are no values.
    """
    counts, small, lowest = _count(blocks)
    total = int(counts[0].sum())
    if not total:
        raise ValueError("there are no values")
    if not small:
        _check_finite(counts)
    ranks = np.asarray(choose(total))
    found = [_at_ranks(counted, ranks) for counted in counts]
    if small:
        return tuple(Ranked(keys.astype(np.float64) + lowest, total) for keys, _ in found)
    upper = np.stack([keys for keys, _ in found])
    within = np.stack([ranks - below for _, below in found])
    return tuple(Ranked(values, total) for values in _refined(blocks, upper, within))


def _count(blocks: Blocks) -> tuple[list[Counts], bool, int]:
    """How often each value or upper half occurs; whether it is values; the lowest there can be."""
    counts: list[Counts] = []
    small, lowest = True, 0
    for block in blocks():
        counts = counts or [np.zeros(_KEYS, np.int64) for _ in block]
        small = block.dtype.kind in "ui" and block.dtype.itemsize <= 2
        lowest = int(np.iinfo(block.dtype).min) if small else 0  # type: ignore[type-var]
        for counted, channel in zip(counts, block, strict=True):
            for part in _parts(channel):
                keys = _from(part, lowest) if small else _sortable(part) >> np.uint32(16)
                counted += np.bincount(keys, minlength=_KEYS)
    return counts or [np.zeros(_KEYS, np.int64)], small, lowest


def _refined(
    blocks: Blocks, upper: NDArray[np.intp], ranks: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The float32 values (C, N) with these upper halves, at these ranks among all with the same."""
    counts = [{int(key): np.zeros(_KEYS, np.int64) for key in keys} for keys in upper]
    for block in blocks():
        for wanted, channel in zip(counts, block, strict=True):
            for part in _parts(channel):
                _count_lower(_sortable(part), wanted)
    lower = np.zeros_like(upper)
    for place, rank in np.ndenumerate(ranks):
        counted = counts[place[0]][int(upper[place])]
        lower[place] = _at_ranks(counted, np.asarray([rank]))[0][0]
    keys = upper.astype(np.uint32) << np.uint32(16) | lower.astype(np.uint32)
    return _from_sortable(keys).astype(np.float64)


def _count_lower(keys: NDArray[np.uint32], wanted: dict[int, Counts]) -> None:
    halves = keys >> np.uint32(16)
    for half, counted in wanted.items():
        lower = keys[halves == half] & np.uint32(_KEYS - 1)
        counted += np.bincount(lower, minlength=_KEYS)


def _at_ranks(counts: Counts, ranks: NDArray[np.int64]) -> tuple[NDArray[np.intp], Counts]:
    """The keys at the ranks, and how many values are below each of them."""
    upto = np.cumsum(counts)
    keys = np.searchsorted(upto, ranks, side="right")
    return keys, upto[keys] - counts[keys]


def _parts(channel: NDArray[np.generic]) -> Iterable[NDArray[np.generic]]:
    """Flat pieces that stay in the processor's cache, where counting is fastest."""
    flat = np.ascontiguousarray(channel).reshape(-1)
    return (flat[start : start + _KEYS] for start in range(0, flat.size, _KEYS))


def _from(values: NDArray[np.generic], lowest: int) -> NDArray[np.generic]:
    return values if lowest == 0 else values.astype(np.int32) - lowest


def _sortable(values: NDArray[np.generic]) -> NDArray[np.uint32]:
    """Whole numbers in the order of the values as float32.

    Source: Herf, Radix Tricks, 2001: flip the sign bit of what is positive, all bits of the rest.
    """
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    flip = (bits >> np.uint32(31)) * np.uint32(0x7FFFFFFF) | np.uint32(0x80000000)
    return bits ^ flip


def _from_sortable(keys: NDArray[np.uint32]) -> NDArray[np.float32]:
    flip = np.where(keys >> np.uint32(31), np.uint32(0x80000000), np.uint32(0xFFFFFFFF))
    return (keys ^ flip).astype(np.uint32).view(np.float32)


def _check_finite(counts: list[Counts]) -> None:
    """Raise `NotFinite` for values whose exponent has no zero: infinities and NaN."""
    low, high = (int(key) for key in _sortable(np.asarray([-np.inf, np.inf])) >> np.uint32(16))
    bad = sum(int(c[: low + 1].sum() + c[high:].sum()) for c in counts)
    if bad:
        raise NotFinite(bad, sum(int(c.sum()) for c in counts))
