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
