"""When metadata matter: against what the image says, against complexity, among other metadata."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from napari_metaseg.acquisition.record import Value
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.datasets.microscope.ladder import LADDER
from napari_metaseg.datasets.microscope.questions import Counts
from napari_metaseg.datasets.microscope.sensitivity import LEVELS, STRENGTHS, Look, write_look
from napari_metaseg.events import Event
from napari_metaseg.studies.arms import Arm
from napari_metaseg.studies.generated import (
    GENERAL,
    base_request,
    cohort_name,
    load_generated,
    method_arm,
)
from napari_metaseg.studies.magnification import FEWER_STEPS, ladder_trial
from napari_metaseg.studies.study import StudyRequest, Trial

LOOK_COUNTS = Counts(train=36, minority=0, val=4, test=12)
QUICK_COUNTS = Counts(train=3, minority=0, val=1, test=2)
NUMBERS = (0, 1, 4, 16)
"""How many meaningless numbers stand beside the magnification."""
KIND = "irrelevant_kind"
_SEED = 2026
_BY = ("magnification",)
_FILM_WRONG = Arm(
    "film, wrong", "the same network, told the other magnification", {"method": "film"}, "wrong"
)
LOOK_ARMS = (GENERAL, method_arm("film"), _FILM_WRONG)


def strength(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """The target ever brighter than its neighbours, so that the image says ever more."""
    looks = {f"target {factor:g} times as bright": Look(factor) for factor in STRENGTHS}
    return (yield from _look_trials(request, looks))


def complexity(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """Simple, usual and complex images: crowding, defocus and noise together."""
    return (yield from _look_trials(request, {f"{n} images": look for n, look in LEVELS.items()}))


def dimension(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """The magnification alone, and beside numbers or categories that mean nothing."""
    trial = yield from ladder_trial(request, "needed", dimension_arms(), LADDER, steps=FEWER_STEPS)
    trial = replace(
        trial,
        task="dimension",
        cohort=f"{trial.cohort}-irrelevant",
        training=with_irrelevant(trial.training),
        test=with_irrelevant(trial.test),
    )
    return (trial,)


def dimension_arms() -> tuple[Arm, ...]:
    """FiLM, told more and more that means nothing."""
    numbers = (_arm("film", f"{count} numbers", _numbers(count)) for count in NUMBERS)
    return (GENERAL, *numbers, _arm("film", "16 categories", (KIND,)))


def with_irrelevant(items: Iterable[PlaneItem]) -> list[PlaneItem]:
    """The planes with 16 random numbers and one of 16 random categories each.

    They are drawn for each image by its name, so they are always the same and mean nothing.
    """
    return [replace(item, condition={**item.condition, **_drawn(item.name)}) for item in items]


def _arm(method: str, beside: str, fields: Sequence[str]) -> Arm:
    changes = {"method": method, "fields": (*_BY, *fields)}
    return Arm(f"{method}, {beside}", f"told the magnification and {beside} at random", changes)


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(f"irrelevant_{i:02d}" for i in range(1, count + 1))


def _drawn(name: str) -> dict[str, Value]:
    rng = np.random.default_rng([_SEED, *name.encode()])
    numbers = {field: float(rng.uniform(-1, 1)) for field in _numbers(max(NUMBERS))}
    return {**numbers, KIND: f"kind {int(rng.integers(16)):02d}"}


def _look_trials(
    request: StudyRequest, looks: dict[str, Look]
) -> Generator[Event, None, tuple[Trial, ...]]:
    trials = []
    for name, look in looks.items():
        trials.append((yield from _look_trial(request, name, look)))
    return tuple(trials)


def _look_trial(request: StudyRequest, name: str, look: Look) -> Generator[Event, None, Trial]:
    cohort = f"look-{name.replace(' ', '-')}"
    write = partial(write_look, look=look, counts=QUICK_COUNTS if request.quick else LOOK_COUNTS)
    training, test = yield from load_generated(request, cohort, write)
    return Trial(
        task=name,
        cohort=cohort_name(request, cohort),
        arms=LOOK_ARMS,
        base=base_request(request, _BY),
        training=training,
        test=test,
        by=_BY,
        baseline=GENERAL.name,
    )
