"""Where a phase's patches come from: its planes as the network will see them at prediction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.datasets.patches import PatchSampler
from napari_metaseg.training.balance import domain_weights
from napari_metaseg.training.fields import domain_names
from napari_metaseg.training.phases import Phase
from napari_metaseg.training.plan import TrainingPlan
from napari_metaseg.training.replay import with_replay
from napari_metaseg.training.request import TrainingRequest
from napari_metaseg.training.scale import (
    Coarsening,
    ResolutionSampler,
    at_canonical_scale,
    zoomable,
)


def needs_noise(request: TrainingRequest) -> bool:
    """Whether patches of the recorded planes may be varied by what has to know their noise."""
    varies = request.max_zoom > 1 or request.max_thinning > 1 or request.max_defocus_um > 0
    return varies and not request.info.canonical


def make_sampler(plan: TrainingPlan, phase: Phase) -> PatchSampler:
    """The patches of a phase; raises `InputError` where its planes have no foreground at all."""
    request, canonical = phase.request, plan.canonical
    items = [*phase.train, *phase.replay]
    weights = _weights(plan, phase)
    if request.strategy == "scale-augmented":
        items = [zoomable(item) for item in items]
    if canonical is not None and plan.schema.size and request.max_zoom > 1:
        return ResolutionSampler(
            items,
            Coarsening(canonical, request.max_zoom, request.record_dropout),
            patch_px=request.patch_px,
            batch_size=request.batch_size,
            seed=request.seed,
            augmentation=plan.augmentation,
            weights=weights,
            objects=request.objects,
        )
    if canonical is not None:
        items = [at_canonical_scale(item, canonical) for item in items]
    return PatchSampler(
        items,
        patch_px=request.patch_px,
        batch_size=request.batch_size,
        seed=request.seed,
        augmentation=plan.augmentation,
        weights=weights,
        objects=request.objects,
    )


def _weights(plan: TrainingPlan, phase: Phase) -> NDArray[np.float64] | None:
    """How often each plane is drawn; None where all are drawn alike."""
    request = phase.request
    balanced = request.sampling == "balanced"
    if not balanced and not phase.replay:
        return None
    names = domain_names(plan.request, plan.train) if balanced else ()
    new, old = (domain_weights(items, names) for items in (phase.train, phase.replay))
    return with_replay(new, old, request.replay_share)
