"""Where a phase's patches come from: its planes as the network will see them at prediction."""

from __future__ import annotations

from napari_metaseg.datasets.patches import PatchSampler
from napari_metaseg.training.balance import domain_weights
from napari_metaseg.training.fields import domain_names
from napari_metaseg.training.phases import Phase
from napari_metaseg.training.plan import TrainingPlan
from napari_metaseg.training.scale import (
    Coarsening,
    ResolutionSampler,
    at_canonical_scale,
    zoomable,
)


def make_sampler(plan: TrainingPlan, phase: Phase) -> PatchSampler:
    """The patches of a phase; raises `InputError` where its planes have no foreground at all."""
    request, canonical, items = phase.request, plan.canonical, list(phase.train)
    names = domain_names(plan.request, plan.train)
    weights = domain_weights(items, names) if request.sampling == "balanced" else None
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
