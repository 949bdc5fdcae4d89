"""The runs of a study as they lie on disk, whoever performed them: by trial and arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from napari_metaseg.errors import InputError
from napari_metaseg.studies.comparisons import Comparison, compare
from napari_metaseg.studies.execution import runs_of
from napari_metaseg.studies.runs import Run, RunRecord, read_run, runs_folder
from napari_metaseg.studies.study import StudyRequest, Trial
from napari_metaseg.studies.table import ArmResult, Row, summarise_arm


@dataclass(frozen=True)
class TrialResult:
    """What is known of one trial: its arms in order, their rows, and the comparisons.

    `missing` names the arms that have no run.
    """

    trial: Trial
    arms: tuple[ArmResult, ...]
    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    missing: tuple[str, ...]

    @property
    def records(self) -> list[RunRecord]:
        """Every run."""
        return [run for arm in self.arms for run in arm.runs]

    @property
    def seeds(self) -> list[int]:
        """The seeds of any arm."""
        return sorted({run.seed for run in self.records})


def collect(trials: Sequence[Trial], request: StudyRequest) -> list[TrialResult]:
    """Every finished run of these trials, of any seed and process.

    Files of other experiments (other arms, settings or test planes) are left alone.
    """
    first = request.model_copy(update={"seeds": request.seeds[:1]})
    return [_trial_result(trial, first) for trial in trials]


def _trial_result(trial: Trial, request: StudyRequest) -> TrialResult:
    found = [_arm_result(run) for run in runs_of([trial], request)]
    arms = tuple(result for result in found if result is not None)
    known = {result.arm.name for result in arms}
    against = dict.fromkeys((trial.baseline_name, *trial.also_against))
    return TrialResult(
        trial=trial,
        arms=arms,
        rows=tuple(row for result in arms for row in summarise_arm(result)),
        comparisons=tuple(c for name in against for c in compare(arms, name)),
        missing=tuple(arm.name for arm in trial.arms if arm.name not in known),
    )


def _arm_result(run: Run) -> ArmResult | None:
    try:
        paths = sorted(runs_folder(run.study).glob(f"{run.stem}-seed*.json"))
    except (InputError, ValidationError):  # the arm's request is refused: it has no run
        return None
    records = sorted((read_run(path) for path in paths), key=lambda record: record.seed)
    if run.arm.otsu:
        records = records[:1]
    return ArmResult(run.trial.task, run.arm, tuple(records)) if records else None
