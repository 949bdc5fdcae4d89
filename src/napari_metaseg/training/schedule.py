"""How far a run is, the learning rate there, and when it is time to score."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from napari_metaseg.training.request import ScheduleName, TrainingRequest

_WARM_UP = 0.05
_LAST_SHARE = 0.01
_HALF_CYCLES = 15
_EPOCHS = 10
_EPOCH_STEPS = 500
_EPOCH_MINUTES = 5.0


def learning_rate(peak: float, progress: float, schedule: ScheduleName = "cosine") -> float:
    """The rate at `progress` (0 to 1) of a run whose highest rate is `peak`."""
    return _SCHEDULES[schedule](peak, min(1.0, progress))


def _cosine(peak: float, progress: float) -> float:
    """A linear warm-up, then a cosine down to 1 % of the peak.

    Source: cosine annealing, Loshchilov & Hutter, ICLR 2017, eq. 5, one cycle.
    """
    if progress < _WARM_UP:
        return peak * (0.1 + 0.9 * progress / _WARM_UP)
    done = (progress - _WARM_UP) / (1 - _WARM_UP)
    return _annealed(peak, _LAST_SHARE * peak, done)


def _one_cycle(peak: float, progress: float, rising: float = 0.3) -> float:
    """From peak / 25 up to the peak and down to peak / 250000, both along a cosine.

    Source: Smith & Topin, 2018, arXiv 1708.07120; shape and numbers are those of PyTorch's
    OneCycleLR.
    """
    if progress < rising:
        return _annealed(peak / 25, peak, progress / rising)
    return _annealed(peak, peak / 25e4, (progress - rising) / (1 - rising))


def _cyclic(peak: float, progress: float) -> float:
    """Triangles between peak / 4 and the peak, each half as high as the one before.

    Source: "triangular2" of Smith, WACV 2017; 15 half-cycles a run between 2e-4 and 8e-4 are those
    of the published code of arXiv 2308.09411.
    """
    half_cycles = progress * _HALF_CYCLES
    cycle = math.floor(half_cycles / 2)
    height = max(0.0, 1 - abs(half_cycles - 2 * cycle - 1))
    return peak / 4 + (peak - peak / 4) * height / 2**cycle


def _annealed(start: float, end: float, done: float) -> float:
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * done))


_SCHEDULES: Mapping[ScheduleName, Callable[[float, float], float]] = {
    "cosine": _cosine,
    "one-cycle": _one_cycle,
    "cyclic": _cyclic,
}


def run_progress(
    step: int, elapsed_s: float, *, step_limit: int | None, minutes: float | None
) -> float:
    """The share of the run that is done, 0 to 1, by steps or by the clock."""
    if step_limit is not None:
        return min(1.0, step / step_limit)
    return min(1.0, elapsed_s / (60 * (minutes or 1.0)))


def epochs(request: TrainingRequest) -> int:
    """Into how many epochs a run is divided, at whose ends the validation images are scored.

    An epoch is a tenth of the run, and never more than 500 steps or 5 minutes.
    """
    if request.step_limit is not None:
        return max(_EPOCHS, math.ceil(request.step_limit / _EPOCH_STEPS))
    return max(_EPOCHS, math.ceil((request.minutes or 0) / _EPOCH_MINUTES))
