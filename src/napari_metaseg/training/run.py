"""Train the phases of a plan one after the other, as one run with one progress and one curve."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, CurvePoint, Event, Notice, Preview, Progress
from napari_metaseg.networks.unet import ConditionedUNet
from napari_metaseg.packages.manifest import PackageManifest
from napari_metaseg.packages.package import load_package
from napari_metaseg.training.checkpoint import Checkpoint, Position, load_checkpoint
from napari_metaseg.training.loop import Trainer
from napari_metaseg.training.phases import Phase
from napari_metaseg.training.plan import TrainingPlan
from napari_metaseg.training.previews import Previews
from napari_metaseg.training.processes import Processes
from napari_metaseg.training.run_record import RunRecord


@dataclass(frozen=True)
class TrainedPhase:
    """A phase with its best network (on the CPU, in eval mode) and where its training stands."""

    phase: Phase
    network: ConditionedUNet
    position: Position


@dataclass(frozen=True)
class TrainedRun:
    """The phases that were begun, in their order, and why the last one failed, if it did."""

    phases: tuple[TrainedPhase, ...]
    failure: InputError | None = None


def train_phases(
    plan: TrainingPlan,
    manifest: PackageManifest,
    run: Path,
    token: CancelToken,
    *,
    processes: Processes,
    checkpoints: Mapping[str, Checkpoint],
    preview: PlaneItem | None = None,
) -> Generator[Event, None, TrainedRun]:
    """Train every phase from its checkpoint or its start; what a token leaves is what was begun.

    Finished phases are not trained again; of a run that was resumed the curve is told from its
    start. The run's folder is made once the first phase stands. A phase that fails is the last one,
    and counts if there is a network worth keeping.
    """
    done: list[TrainedPhase] = []
    previews, record = Previews(preview), RunRecord(run, plan, processes)
    for phase in plan.phases:
        if done and processes.asked_to_stop(token):
            break
        start = checkpoints.get(phase.name) or _start(plan, phase, done)
        folder = phase_folder(plan, run, phase)
        trainer = Trainer(plan, phase, manifest, folder, processes, start)
        if not done:
            record.open(sum(c.position.step for c in checkpoints.values()))
            yield from _said_first(plan)
        if phase.title and trainer.progress < 1:
            yield Notice(f"Training {_counted(plan, phase)}", concerns=False)
        for event in trainer.steps(token, previews):
            record.take(told := _of_run(event, plan, phase, done))
            yield told
        if trainer.failure is None or trainer.worth_keeping:
            done.append(TrainedPhase(phase, trainer.best_network(), trainer.position))
        if trainer.failure is not None:
            break
    record.close()
    return TrainedRun(tuple(done), trainer.failure)


def _said_first(plan: TrainingPlan) -> Iterator[Notice]:
    yield from (Notice(text, concerns=False) for text in plan.choices)
    yield from (Notice(text) for text in plan.notices)


def load_checkpoints(plan: TrainingPlan, run: Path) -> dict[str, Checkpoint]:
    """The checkpoints of the phases that were begun; raises `InputError` where none was."""
    found = {p.name: load_checkpoint(phase_folder(plan, run, p)) for p in plan.phases}
    begun = {name: checkpoint for name, checkpoint in found.items() if checkpoint is not None}
    if not begun:
        raise InputError(f"{run} holds no checkpoint yet", way_out="Train without --resume")
    return begun


def phase_folder(plan: TrainingPlan, run: Path, phase: Phase) -> Path:
    """Where a phase keeps its checkpoint: the run's folder itself where there is one phase."""
    return run if len(plan.phases) == 1 else run / phase.name


def joined_curve(trained: Sequence[TrainedPhase]) -> tuple[CurvePoint, ...]:
    """The curves of the phases as one, its steps counted over all of them."""
    points: list[CurvePoint] = []
    for i, one in enumerate(trained):
        before = _steps(trained[:i])
        points += [replace(point, step=point.step + before) for point in one.position.curve]
    return tuple(points)


def _start(plan: TrainingPlan, phase: Phase, done: Sequence[TrainedPhase]) -> Checkpoint | None:
    """What a new phase starts from: the phase before it, another package, or nothing."""
    if phase.after:
        earlier = next(one for one in done if one.phase.name == phase.after)
        weights = earlier.network.state_dict()
        return Checkpoint(Position(), weights, weights)
    return _start_of_package(plan, phase) if plan.request.init_from else None


def _start_of_package(plan: TrainingPlan, phase: Phase) -> Checkpoint:
    parent = load_package(str(plan.request.init_from))
    if parent.manifest.network != plan.network:
        raise InputError(
            f"{plan.request.init_from} has another network than the one to train",
            got=_difference(parent.manifest.network.model_dump(), plan.network.model_dump()),
            way_out="Choose the same method, fields, width and depth, or start anew",
        )
    weights = parent.networks.get(phase.name, parent.network).state_dict()
    return Checkpoint(Position(), weights, weights)


def _difference(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    return ", ".join(f"{k} {theirs[k]} instead of {ours[k]}" for k in ours if theirs[k] != ours[k])


def _of_run(event: Event, plan: TrainingPlan, phase: Phase, done: Sequence[TrainedPhase]) -> Event:
    """A phase's event, told as the run's: steps and time are those of all phases."""
    before = _steps(done)
    if isinstance(event, CurvePoint | Preview):
        return replace(event, step=event.step + before)
    if isinstance(event, Progress):
        later = [_weight(p) / _weight(phase) for p in plan.phases[len(done) + 1 :]]
        rest = round(event.total * sum(later))
        left = event.seconds_left
        if left is not None and event.done:
            left += _seconds_per_step(event) * rest
        message = f"training {_counted(plan, phase)}" if phase.title else event.message
        return Progress(before + event.done, before + event.total + rest, message, left)
    return event


def _seconds_per_step(event: Progress) -> float:
    remaining = event.total - event.done
    return (event.seconds_left or 0.0) / remaining if remaining else 0.0


def _weight(phase: Phase) -> float:
    return float(phase.request.step_limit or phase.request.minutes or 1)


def _steps(done: Sequence[TrainedPhase]) -> int:
    return sum(one.position.step for one in done)


def _counted(plan: TrainingPlan, phase: Phase) -> str:
    return f"{phase.title} ({plan.phases.index(phase) + 1} of {len(plan.phases)})"
