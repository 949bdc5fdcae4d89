"""One training run, from request and planes to a model package."""

from __future__ import annotations

import datetime as dt
import platform
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_metaseg import __version__
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, CurvePoint, Event, Notice
from napari_metaseg.networks.unet import ConditionedUNet
from napari_metaseg.packages.manifest import PackageManifest
from napari_metaseg.packages.package import (
    ModelPackage,
    Sample,
    is_package,
    load_package,
    save_package,
)
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.training.checkpoint import Checkpoint, Position, load_checkpoint, start_run
from napari_metaseg.training.loop import Trainer
from napari_metaseg.training.plan import TrainingPlan, make_plan
from napari_metaseg.training.request import TrainingRequest

_SAMPLE_PX = 256


@dataclass(frozen=True)
class TrainingResult:
    """What a run left: the package, the run's folder (to go on from), and the curve.

    `finished` is False where the token stopped it; the package then holds the best network so far.
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
    """Train a network on annotated planes and save it as a package at `out`.

    Everything is checked before anything is computed or written. Yields `Progress` per step and
    `CurvePoint` now and then; stops within one step of the token and keeps the best network so far.
    The run's folder, `out` + ".run", holds the checkpoint that `resume` goes on from: with the same
    planes and threads on the CPU, exactly as if it had not stopped. Runs in any one thread.
    Raises `InputError` for a request or planes that cannot be trained on.
    """
    if out.exists() and not is_package(out):
        raise InputError(
            f"{out} exists and is not a model package", way_out="Choose another name for --out"
        )
    plan = make_plan(request, items)
    run = resume or out.with_name(out.name + ".run")
    checkpoint = load_checkpoint(run) if resume else None
    if resume and checkpoint is None:
        raise InputError(f"{resume} holds no checkpoint yet", way_out="Train without --resume")
    manifest = draft_manifest(plan, out.name)
    trainer = Trainer(plan, manifest, run, checkpoint or _initial(plan))
    start_run(run, request)
    yield from (Notice(text) for text in plan.notices)
    yield from trainer.steps(token)
    _save(trainer, plan, manifest, out)
    at = trainer.position
    return TrainingResult(out, run, at.best_score, at.curve, finished=not token.cancelled)


def _initial(plan: TrainingPlan) -> Checkpoint | None:
    """The start from another package's weights, where `init_from` asks for it."""
    if not plan.request.init_from:
        return None
    parent = load_package(plan.request.init_from)
    if parent.manifest.network != plan.network:
        raise InputError(
            f"{plan.request.init_from} has another network than the one to train",
            got=_difference(parent.manifest.network.model_dump(), plan.network.model_dump()),
            way_out="Choose the same method, fields, width and depth, or start anew",
        )
    weights = parent.network.state_dict()
    return Checkpoint(Position(), weights, weights, {})


def _difference(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    return ", ".join(f"{k} {theirs[k]} instead of {ours[k]}" for k in ours if theirs[k] != ours[k])


def draft_manifest(plan: TrainingPlan, name: str) -> PackageManifest:
    """The package's manifest before training: without weights, scores and provenance."""
    return PackageManifest(
        name=plan.request.name or name,
        strategy=plan.request.strategy,
        members=(),
        network=plan.network,
        metadata_schema=plan.schema,
        input_channels=plan.request.channels,
        classes=plan.classes,
        split=plan.split,
    )


def _save(trainer: Trainer, plan: TrainingPlan, manifest: PackageManifest, out: Path) -> None:
    network, at = trainer.best_network(), trainer.position
    scores = {"macro_dice": at.best_score, "domains": at.best_domains, "step": at.best_step}
    manifest = manifest.model_copy(update={"scores": scores, "provenance": _provenance(trainer)})
    sample = _sample(plan, manifest, network)
    save_package(out, manifest, {"main": network}, sample)


def _provenance(trainer: Trainer) -> dict[str, Any]:
    request, at = trainer.plan.request, trainer.position
    now = dt.datetime.now(dt.UTC)
    return {
        "software": f"napari-metaseg {__version__}, torch {torch.__version__}",
        "python": platform.python_version(),
        "trained_at": now.isoformat(timespec="seconds"),
        "training_planes": len(trainer.plan.train),
        "steps": at.step,
        "training_seconds": round(at.elapsed_s),
        "request": request.model_dump(mode="json"),
    }


def _sample(plan: TrainingPlan, manifest: PackageManifest, network: ConditionedUNet) -> Sample:
    """One input with the output it must give: what a reader of the package can check itself by."""
    item = (plan.validation or plan.train)[0]
    image = np.ascontiguousarray(item.image[:, :_SAMPLE_PX, :_SAMPLE_PX])
    predictor = Predictor(ModelPackage(manifest, {"main": network}), device="cpu", precision="fp32")
    members = predictor.probability(image, item.condition)
    return Sample(image, item.condition, members)
