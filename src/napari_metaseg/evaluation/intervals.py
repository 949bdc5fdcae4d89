"""How far a mean score could lie off: bootstrap intervals over independent groups of images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Interval = tuple[float, float]


def bootstrap_interval(
    values: Sequence[float],
    groups: Sequence[str],
    *,
    seed: int = 0,
    level: float = 0.95,
    resamples: int = 4000,
) -> Interval | None:
    """The percentile interval of the mean of `values`, drawing whole groups with replacement.

    Images of one group (a field, a plate) are not independent, so they are drawn together (the
    cluster bootstrap, Davison & Hinkley 1997, section 3.8). `groups` names each value's group. The
    same values, in any order, and seed give the same interval. None with fewer than two groups.
    """
    names, member = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) < 2:
        return None
    sums = np.bincount(member, weights=np.asarray(values, dtype=float))
    counts = np.bincount(member)
    random = np.random.default_rng(seed)
    draws = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    means = (draws @ sums) / (draws @ counts)
    low, high = np.quantile(means, ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def macro_interval(
    values: Sequence[float],
    groups: Sequence[str],
    strata: Sequence[str],
    *,
    seed: int = 0,
    level: float = 0.95,
    resamples: int = 4000,
) -> Interval | None:
    """As `bootstrap_interval`, of the mean over `strata` (domains) of each stratum's mean.

    Groups are drawn over all strata, since one specimen is seen in several of them. A stratum that
    a draw leaves empty does not count in that draw.
    """
    names, member = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) < 2:
        return None
    kinds, stratum = np.unique(np.asarray(strata, dtype=str), return_inverse=True)
    sums, counts = (np.zeros((len(names), len(kinds))) for _ in range(2))
    np.add.at(sums, (member, stratum), np.asarray(values, dtype=float))
    np.add.at(counts, (member, stratum), 1.0)
    random = np.random.default_rng(seed)
    draws = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    drawn = draws @ counts
    means = np.divide(draws @ sums, drawn, out=np.full(drawn.shape, np.nan), where=drawn > 0)
    low, high = np.quantile(np.nanmean(means, axis=1), ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)
