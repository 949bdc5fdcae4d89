"""Where a phase's patches come from: its planes as the network will see them at prediction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.record import Value
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.datasets.patches import PatchSampler
from napari_metaseg.training.fields import varying_fields
from napari_metaseg.training.phases import Phase
from napari_metaseg.training.plan import TrainingPlan
from napari_metaseg.training.request import TrainingRequest
from napari_metaseg.training.scale import (
    Coarsening,
    ResolutionSampler,
    at_canonical_scale,
    zoomable,
)


def make_sampler(plan: TrainingPlan, phase: Phase) -> PatchSampler:
    """The patches of a phase; raises `InputError` where its planes have no foreground at all."""
    request, canonical, items = phase.request, plan.canonical, list(phase.train)
    weights = domain_weights(items, request) if request.sampling == "balanced" else None
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
    )


def domain_weights(items: Sequence[PlaneItem], request: TrainingRequest) -> NDArray[np.float64]:
    """How often each plane is drawn so that every domain is drawn equally often; sums to 1.

    A domain is what shares the values of `domain_fields`, else of `fields`, else of all that vary;
    numbers that agree in two digits are one value, and unknown is a value, too.
    """
    names = request.domain_fields or request.fields or varying_fields(items)
    keys = [tuple(_coarse(item.condition.get(name)) for name in names) for item in items]
    sizes = Counter(keys)
    return np.array([1 / (len(sizes) * sizes[key]) for key in keys])


def _coarse(value: Value | None) -> Value | None:
    number = isinstance(value, float | int) and not isinstance(value, bool)
    return float(f"{value:.2g}") if number else value
