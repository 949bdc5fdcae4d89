"""One training run, from request and planes to a model package."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.datasets.survey import survey_items
from napari_metaseg.datasets.survey_file import read_surveys, save_surveys
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, CurvePoint, Event
from napari_metaseg.packages.package import save_package
from napari_metaseg.packages.stored import is_package
from napari_metaseg.training.plan import make_plan
from napari_metaseg.training.request import TrainingRequest
from napari_metaseg.training.result import assemble, draft_manifest
from napari_metaseg.training.run import joined_curve, load_checkpoints, train_phases
from napari_metaseg.training.sampling import needs_noise

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class TrainingResult:
    """What a run left: the package, the run's folder (to go on from), and the curve.

    `finished` is False where the token stopped it; the package then holds the best networks so far.
    """

    package: Path
    run: Path
    best_score: float | None
    curve: tuple[CurvePoint, ...]
    finished: bool


def train(
    request: TrainingRequest,
    items: Sequence[PlaneItem],
    out: Path,
    token: CancelToken,
    *,
    resume: Path | None = None,
) -> Generator[Event, None, TrainingResult]:
    """Train the networks of a strategy on annotated planes and save them as a package at `out`.

    Everything is checked before anything is computed or written, in one pass over the planes that
    training does not repeat; planes that cannot be read are left out (see `survey_items`). Yields
    `Progress` per plane of that pass and per step (over
    all networks) and `CurvePoint` now and then; stops within one step of the token and keeps the
    best of every network that was begun. The run's folder, `out` + ".run", holds the checkpoints
    that `resume` goes on from: with the same planes and threads on the CPU, exactly as if it had
    not stopped. Runs in any one thread. Raises `InputError` for a request or planes that cannot be
    trained on.
    """
    if out.exists() and not is_package(out):
        raise InputError(
            f"{out} exists and is not a model package", way_out="Choose another name for --out"
        )
    run = resume or out.with_name(out.name + ".run")
    known = read_surveys(run) if resume else None
    items = yield from survey_items(items, token, noise=needs_noise(request), known=known)
    plan = make_plan(request, items)
    checkpoints = load_checkpoints(plan, run) if resume else {}
    manifest = draft_manifest(plan, out.name)
    phases = train_phases(plan, manifest, run, token, checkpoints)
    trained = yield from after_first(phases, partial(save_surveys, run, items))
    package, sample = assemble(plan, manifest, trained, token)
    save_package(out, package.manifest, package.networks, sample)
    score = package.manifest.scores["macro_dice"]
    return TrainingResult(out, run, score, joined_curve(trained), finished=not token.cancelled)


def after_first(
    events: Generator[Event, None, _Result], act: Callable[[], None]
) -> Generator[Event, None, _Result]:
    """The same events; `act` is called once the first has come, when the run's folder stands."""
    try:
        first = next(events)
    except StopIteration as stop:
        return stop.value
    act()
    yield first
    return (yield from events)
