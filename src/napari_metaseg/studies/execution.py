"""All runs of a study, one after another: what is done is kept, what is stopped goes on later."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from napari_metaseg.datasets.survey import SURVEYING
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, Event, Notice, Progress
from napari_metaseg.studies.runs import Run, perform
from napari_metaseg.studies.study import StudyRequest, Trial

_TEST_SHARE = 0.1
"""How much of a run its test is taken to be, for the time left."""


def runs_of(trials: Sequence[Trial], request: StudyRequest) -> list[Run]:
    """Every run, seed by seed, so that a stopped study has whole seeds; a threshold has one."""
    return [
        Run(trial, arm, seed, request)
        for seed in request.seeds
        for trial in trials
        for arm in trial.arms
        if not arm.otsu or seed == request.seeds[0]
    ]


def perform_all(
    trials: Sequence[Trial], request: StudyRequest, token: CancelToken
) -> Generator[Event, None, tuple[str, ...]]:
    """Perform every run that has no file yet; returns a sentence for each arm that cannot be run.

    Yields `Progress` in training steps over the whole study, with the time left. An arm whose
    request is refused is left out with a notice and the others go on. Raises `Cancelled`.
    """
    runs, refused = _missing(runs_of(trials, request))
    yield from (Notice(text) for text in refused)
    clock = _Clock([float(run.request.step_limit or 1) for run in runs])
    for number, run in enumerate(runs, start=1):
        token.raise_if_cancelled()
        title = f"{run.trial.task}: {run.arm.name}, seed {run.seed} (run {number} of {len(runs)})"
        yield clock.at(number - 1, 0.0, title)
        try:
            yield from _reported(perform(run, token), clock, number - 1, title)
        except InputError as error:
            refused.append(_refusal(run, error))
            yield Notice(refused[-1])
    return tuple(dict.fromkeys(refused))


def _missing(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """The runs to perform, and why others cannot be."""
    missing: list[Run] = []
    refused: list[str] = []
    for run in runs:
        try:
            if not run.path.exists():
                missing.append(run)
        except (InputError, ValidationError) as error:
            refused.append(_refusal(run, error))
    return missing, list(dict.fromkeys(refused))


def _refusal(run: Run, error: Exception) -> str:
    text = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
    return f"{run.trial.task}: {run.arm.name} is left out. {text}"


def _reported(
    events: Generator[Event, None, object], clock: _Clock, index: int, title: str
) -> Generator[Event, None, None]:
    """The events of one run as those of the study; the curve of each training is not shown.

    What trainings say is said once.
    """
    for event in events:
        if isinstance(event, Progress):
            if event.message == SURVEYING:
                continue  # its units are no steps
            yield clock.at(index, (1 - _TEST_SHARE) * event.done / max(event.total, 1), title)
        elif isinstance(event, Notice) and event.text not in clock.said:
            clock.said.add(event.text)
            yield event


@dataclass
class _Clock:
    """How far the study is, in steps, and how long the rest takes at the pace so far."""

    steps: Sequence[float]
    began: float = field(default_factory=time.monotonic)
    said: set[str] = field(default_factory=set)

    def at(self, index: int, share: float, title: str) -> Progress:
        """Where it is with `share` (0 to 1) of the run `index` done."""
        done = sum(self.steps[:index]) + share * self.steps[index]
        total = sum(self.steps)
        elapsed = time.monotonic() - self.began
        left = elapsed / done * (total - done) if done and elapsed > 1 else None
        return Progress(round(done), round(total), title, left)
