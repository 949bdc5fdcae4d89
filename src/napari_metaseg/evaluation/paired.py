"""Is one way of segmenting better than another on the same images? A test and its correction.

Images of one group (a specimen, a field, a plate) are not independent, so a group is flipped whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

EXACT_GROUPS = 16
"""Up to so many groups, all sign patterns are counted (2^16 = 65,536)."""
DRAWS = 20_000


@dataclass(frozen=True)
class PairedTest:
    """The mean of the differences, and the two-sided p that it is zero; `exact` or by draws.

    `p` is None with fewer than two groups.
    """

    difference: float
    p: float | None
    groups: int
    exact: bool


def paired_test(
    differences: Sequence[float],
    groups: Sequence[str],
    *,
    weights: Sequence[float] | None = None,
    seed: int = 0,
) -> PairedTest:
    """The sign-flip permutation test of paired `differences`, flipping whole `groups`.

    Null hypothesis: either of the two gives the better score of a group with equal chance, so the
    group's sum is as likely with the other sign (Fisher, The Design of Experiments, 1935, section
    21; whole blocks: Winkler et al., NeuroImage 123 (2015) 253). `p` is the share of sign patterns
    whose absolute weighted mean is at least the observed one: of all 2^groups patterns where there
    are at most 2^16, else of 20,000 drawn ones with the observed one among them (Phipson and Smyth,
    Stat. Appl. Genet. Mol. Biol. 9 (2010) 39). `weights` are the images' (equal by default); only
    their proportions count. The same differences in any order give the same p.
    """
    values = np.asarray(differences, dtype=float)
    share = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=float)
    share = share / share.sum()
    names, member = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    sums = np.bincount(member, weights=share * values)
    exact = len(names) <= EXACT_GROUPS
    observed = float(sums.sum())
    if len(names) < 2:
        return PairedTest(observed, None, len(names), exact)
    flipped = np.abs((_all_signs(len(names)) if exact else _drawn_signs(len(names), seed)) @ sums)
    tolerance = 1e-12 * max(1.0, float(np.abs(sums).sum()))
    as_far = int((flipped >= abs(observed) - tolerance).sum())
    p = as_far / len(flipped) if exact else (as_far + 1) / (len(flipped) + 1)
    return PairedTest(observed, p, len(names), exact)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """The p values of a family of tests, adjusted as Holm (Scand. J. Statist. 6 (1979) 65) has it.

    The k-th smallest of m is multiplied by m - k + 1, made no smaller than the one before, and cut
    at 1. A None (no test) stays None and does not count.
    """
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, index) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - rank)))
        adjusted[index] = highest
    return adjusted


@cache
def _all_signs(count: int) -> NDArray[np.float64]:
    bits = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
    return np.where(bits, 1.0, -1.0)


@cache
def _drawn_signs(count: int, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).choice([-1.0, 1.0], (DRAWS, count))
