"""Augmentation that keeps the metadata true: what changes the record changes the condition too.

Four discrete magnifications in a cohort teach nothing about those between; drawing the zoom from a
continuous range does (as LIIF, Chen et al., CVPR 2021, and Meta-SR, Hu et al., CVPR 2019, do).
The order is that of the light: lens (`zoom`, `defocus`), photons, then what changes no metadata.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from napari_metaseg.datasets.defocus import blur_px, can_defocus, defocused_condition
from napari_metaseg.datasets.patch import Augmentation, Patch
from napari_metaseg.datasets.steps import AddNoise, Recolour, Thin, Turn
from napari_metaseg.datasets.zoom import draw_zoom, resample, zoomed_condition

__all__ = ["Augmentation", "Patch", "augment", "draw_zoom", "zoomed_condition"]

P = TypeVar("P", bound=Patch)

_DIRECTIONAL_MODALITIES = {"DIC", "DPC"}
"""Their contrast has a direction, which a turn or flip would make untrue."""


def augment(patch: P, settings: Augmentation, patch_px: int, rng: np.random.Generator) -> P:
    """The patch at `patch_px` pixels a side, varied as `settings` says, drawn from `rng`.

    A patch of another size is resampled to `patch_px`, its metadata with it (see `zoom`). A planned
    patch is planned on, with the metadata that it will have.
    """
    patch = _focus_and_zoom(patch, settings, patch_px, rng)
    patch, thinned = _lose_photons(patch, settings, rng)
    if settings.turns and patch.condition.get("modality") not in _DIRECTIONAL_MODALITIES:
        which = int(rng.integers(8))
        patch = patch.do(Turn(which % 4, mirrored=which >= 4), rng)
    # Where the exposure tells how much noise there is, further noise would make that untrue.
    return _recolour(patch, settings.contrast, 0.0 if thinned else settings.noise, rng)


def _focus_and_zoom(patch: P, settings: Augmentation, patch_px: int, rng: np.random.Generator) -> P:
    zoom = patch_px / patch.side
    target = zoomed_condition(patch.condition, zoom)
    distance = 0.0
    if settings.max_defocus_um > 0 and can_defocus(target):
        share, drawn = rng.random(2)
        distance = settings.max_defocus_um * drawn if share < settings.defocus_share else 0.0
    if zoom == 1 and distance == 0:
        return patch
    blurred = resample(patch, patch_px, settings, blur_px(target, distance), rng)
    if distance == 0:
        return blurred
    return replace(blurred, condition=defocused_condition(target, distance, rng))


def can_thin(patch: Patch) -> bool:
    """Whether the exposure is known, and of every channel what an electron is worth."""
    known = bool(patch.noise and patch.stretch) and all(n.known_gain for n in patch.noise)
    return known and isinstance(patch.condition.get("exposure_ms"), float | int)


def _lose_photons(patch: P, settings: Augmentation, rng: np.random.Generator) -> tuple[P, bool]:
    """The patch, perhaps with fewer photons, and whether its exposure can be told by its noise."""
    if settings.max_thinning <= 1 or not can_thin(patch):
        return patch, False
    share, drawn = rng.random(2)
    if share >= settings.thinning_share:
        return patch, True
    factor = float(settings.max_thinning**drawn)
    patch = patch.do(Thin(factor, patch.noise, patch.stretch), rng)
    exposure = float(patch.condition["exposure_ms"]) / factor
    return replace(patch, condition={**patch.condition, "exposure_ms": exposure}), True


def _recolour(patch: P, contrast: float, noise: float, rng: np.random.Generator) -> P:
    """Another gain and offset, and further noise."""
    if contrast > 0:
        gain, offset = rng.uniform(-1, 1, 2) * contrast
        patch = patch.do(Recolour(float(1 + gain), float(offset)), rng)
    if noise > 0:
        patch = patch.do(AddNoise(float(rng.uniform(0, noise))), rng)
    return patch
