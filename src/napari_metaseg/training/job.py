"""One training run, from request and planes to a model package."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.datasets.plane_survey import PlaneSurvey
from napari_metaseg.datasets.survey import survey_items
from napari_metaseg.datasets.survey_file import read_surveys, save_surveys
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, CurvePoint, Event
from napari_metaseg.packages.package import ModelPackage, Sample, save_package
from napari_metaseg.packages.stored import is_package
from napari_metaseg.training.fields import check_fields
from napari_metaseg.training.plan import make_plan
from napari_metaseg.training.processes import Processes, start_processes
from napari_metaseg.training.request import TrainingRequest
from napari_metaseg.training.result import assemble, draft_manifest
from napari_metaseg.training.run import joined_curve, load_checkpoints, train_phases
from napari_metaseg.training.sampling import needs_noise


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
    preview: PlaneItem | None = None,
    replay: Sequence[PlaneItem] = (),
) -> Generator[Event, None, TrainingResult]:
    """Train the networks of a strategy on annotated planes and save them as a package at `out`.

    Everything is checked before anything is computed or written, in one pass over the planes that
    training does not repeat; planes that cannot be read are left out (see `survey_items`). `replay`
    are planes that the model to start from has learned before (see `TrainingRequest.replay_share`).
    Yields `Progress` per plane of that pass and per step (over all networks), `CurvePoint` now and
    then, and `Preview` of the plane `preview`, where one is given; stops within one step of the
    token and keeps the best of every network that was begun. The run's folder, `out` + ".run",
    holds the checkpoints that `resume` goes on from: with the same planes and threads on the CPU,
    exactly as if it had not stopped. Runs in any one thread; in every process of several, of which
    the first alone writes.

    Raises `InputError` for a request or planes that cannot be trained on, for a loss that is no
    number (what was good until then is saved before), and where the package cannot be written;
    `ConnectionError` where another process of this training has ended.
    """
    if out.exists() and not is_package(out):
        raise InputError(
            f"{out} exists and is not a model package", way_out="Choose another name for --out"
        )
    check_fields(request, items)
    run = resume or out.with_name(out.name + ".run")
    processes = start_processes(request)
    with processes.noticing_loss():
        known = read_surveys(run) if resume else {}
        survey = _surveyed(request, (items, replay), run, known, processes, token)
        plan = make_plan(request, *(yield from survey))
        checkpoints = load_checkpoints(plan, run) if resume else {}
        manifest = draft_manifest(plan, out.name)
        trained = yield from train_phases(
            plan,
            manifest,
            run,
            token,
            processes=processes,
            checkpoints=checkpoints,
            preview=preview,
        )
        score = None
        if trained.phases and processes.first:
            package, sample = assemble(plan, manifest, trained.phases, token)
            _save(out, run, package, sample)
            score = package.manifest.scores["macro_dice"]
        processes.wait()
    if trained.failure is not None:
        raise _kept(trained.failure, out if trained.phases else None)
    curve = joined_curve(trained.phases)
    return TrainingResult(out, run, score, curve, finished=not token.cancelled)


def _surveyed(
    request: TrainingRequest,
    planes: tuple[Sequence[PlaneItem], Sequence[PlaneItem]],
    run: Path,
    known: Mapping[str, PlaneSurvey],
    processes: Processes,
    token: CancelToken,
) -> Generator[Event, None, list[Sequence[PlaneItem]]]:
    """The planes with what one pass over them found; of several processes the first reads them."""
    if not processes.first:
        processes.wait()
        known = known or read_surveys(run)
    found: list[Sequence[PlaneItem]] = []
    for items in planes:
        one_pass = survey_items(items, token, noise=needs_noise(request), known=known)
        found.append((yield from one_pass) if items else items)
    if processes.first and processes.count > 1:
        save_surveys(run, [item for items in found for item in items])
        processes.wait()
    return found


def _save(out: Path, run: Path, package: ModelPackage, sample: Sample) -> None:
    try:
        save_package(out, package.manifest, package.networks, sample)
    except OSError as error:
        raise InputError(
            f"the model could not be written to {out}",
            got=error.strerror or error,
            way_out=f"Make room, then go on from where it was with --resume {run}",
        ) from None


def _kept(failure: InputError, out: Path | None) -> InputError:
    """The failure, with what is left of the run."""
    if out is None:
        return failure
    left = f"{failure.way_out}. The best network until then is kept in {out}"
    return InputError(failure.what, got=failure.got, way_out=left)
