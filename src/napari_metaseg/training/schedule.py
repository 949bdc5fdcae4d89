"""How far a run is, and the learning rate there."""

from __future__ import annotations

import math

_WARM_UP = 0.05
_LAST_SHARE = 0.01


def learning_rate(peak: float, progress: float) -> float:
    """The rate at `progress` (0 to 1): a linear warm-up, then a cosine down to 1 % of the peak.

    Source: cosine annealing, Loshchilov & Hutter, ICLR 2017, eq. 5, one cycle.
    """
    if progress < _WARM_UP:
        return peak * (0.1 + 0.9 * progress / _WARM_UP)
    done = min(1.0, (progress - _WARM_UP) / (1 - _WARM_UP))
    return peak * (_LAST_SHARE + (1 - _LAST_SHARE) * 0.5 * (1 + math.cos(math.pi * done)))


def run_progress(
    step: int, elapsed_s: float, *, step_limit: int | None, minutes: float | None
) -> float:
    """The share of the run that is done, 0 to 1, by steps or by the clock."""
    if step_limit is not None:
        return min(1.0, step / step_limit)
    return min(1.0, elapsed_s / (60 * (minutes or 1.0)))
