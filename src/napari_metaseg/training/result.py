"""From trained networks to a package: its members, its scores, how it came to be, its sample."""

from __future__ import annotations

import datetime as dt
import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from napari_metaseg import __version__
from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.datasets.plausibility import measure_sizes
from napari_metaseg.events import CancelToken
from napari_metaseg.packages.manifest import Member, PackageManifest
from napari_metaseg.packages.package import ModelPackage, Sample
from napari_metaseg.prediction.device import resolve_device
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.score import default_domain
from napari_metaseg.training.enlarged import enlarged_scales
from napari_metaseg.training.plan import TrainingPlan
from napari_metaseg.training.precision import training_precision
from napari_metaseg.training.run import TrainedPhase
from napari_metaseg.training.validation import validate

_SAMPLE_PX = 256


def draft_manifest(plan: TrainingPlan, name: str) -> PackageManifest:
    """The package's manifest before training: without members, scores and provenance."""
    return PackageManifest(
        name=plan.request.name or name,
        strategy=plan.request.strategy,
        members=(),
        network=plan.network,
        metadata_schema=plan.schema,
        input_channels=plan.request.channels,
        classes=plan.classes,
        objects=plan.request.objects,
        split=plan.split,
        domain_schema=plan.domains.schema if plan.domains else MetadataSchema(),
        canonical=plan.canonical,
        object_sizes=measure_sizes(plan.train),
    )


def assemble(
    plan: TrainingPlan,
    manifest: PackageManifest,
    trained: Sequence[TrainedPhase],
    token: CancelToken,
) -> tuple[ModelPackage, Sample]:
    """The package of all networks that stand for themselves, and its sample."""
    kept = _kept(trained)
    members = tuple(
        Member(name=one.phase.name, domain=one.phase.domain, share=one.phase.share) for one in kept
    )
    manifest = manifest.model_copy(
        update={"members": members, "provenance": _provenance(plan, trained)}
    )
    networks = {one.phase.name: one.network for one in kept}
    package = ModelPackage(manifest, networks)
    scores = _scores(plan, package, trained, token)
    package = ModelPackage(manifest.model_copy(update={"scores": scores}), networks)
    return package, _sample(plan, package)


def _kept(trained: Sequence[TrainedPhase]) -> list[TrainedPhase]:
    """The phases whose place no later one has taken."""
    replaced = {one.phase.after for one in trained}
    return [one for one in trained if one.phase.name not in replaced]


def _scores(
    plan: TrainingPlan,
    package: ModelPackage,
    trained: Sequence[TrainedPhase],
    token: CancelToken,
) -> dict[str, Any]:
    """Validation Dice per domain: of several networks as the package combines them."""
    steps = sum(one.position.step for one in trained)
    if len(trained) == 1:
        at = trained[0].position
        return {"macro_dice": at.best_score, "domains": at.best_domains, "step": at.best_step}
    if token.cancelled or not plan.validation:
        return {"macro_dice": None, "domains": {}, "step": steps}
    device = plan.request.device
    predictor = Predictor(package, device=device, precision="fp32")
    score = validate(predictor, plan.validation, default_domain(package.manifest), CancelToken())
    return {"macro_dice": score.macro, "domains": score.domains, "step": steps}


def _provenance(plan: TrainingPlan, trained: Sequence[TrainedPhase]) -> dict[str, Any]:
    now = dt.datetime.now(dt.UTC)
    told: dict[str, Any] = {
        "software": f"napari-metaseg {__version__}, torch {torch.__version__}",
        "python": platform.python_version(),
        "trained_at": now.isoformat(timespec="seconds"),
        "precision": training_precision(
            plan.request.precision, resolve_device(plan.request.device)
        ),
        "training_planes": len(plan.train),
        "networks": len(_kept(trained)),
        "steps": sum(one.position.step for one in trained),
        "steps_each": {one.phase.title or one.phase.name: one.position.step for one in trained},
        "training_seconds": round(sum(one.position.elapsed_s for one in trained)),
        "request": plan.request.model_dump(mode="json"),
    }
    enlarged = enlarged_scales(plan.augmentation, [item.condition for item in plan.train])
    if enlarged:
        told["enlarged"] = {name: list(ends) for name, ends in enlarged.items()}
    missing = [phase.title for phase in plan.phases[len(trained) :]]
    return told | ({"stopped_before": missing} if missing else {})


def _sample(plan: TrainingPlan, package: ModelPackage) -> Sample:
    """One input with the output it must give: what a reader of the package can check itself by."""
    item = (plan.validation or plan.train)[0]
    image = np.ascontiguousarray(item.image[:, :_SAMPLE_PX, :_SAMPLE_PX])
    predictor = Predictor(package, device="cpu", precision="fp32")
    return Sample(image, item.condition, predictor.probability(image, item.condition))
