"""Zoom: a patch as a lens of another magnification would have shown it, with its metadata.

The other lens has the aperture in proportion to its magnification, so that its blur is the same
in pixels, and collects as much light per pixel, so that its noise is the same. Zooming out can be
true to that; zooming in adds no resolution (empty magnification).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.acquisition.record import Value
from napari_metaseg.datasets.defocus import is_blurred
from napari_metaseg.datasets.patch import Augmentation, Patch
from napari_metaseg.datasets.resample import Resample

P = TypeVar("P", bound=Patch)
Range = tuple[float, float]
Trained = Mapping[str, Range]
"""The smallest and largest value of each scale field in the training set."""

ANYWHERE: Trained = {}
_SCALES = {"magnification": 1, "pixel_size_um": -1}
"""The power of the zoom by which each field changes."""
SCALE_FIELDS = frozenset(_SCALES)
"""The condition fields that a zoom changes."""
UNKNOWN_SCALE = 0.0
"""A stand-in for an unknown pixel size, for planes that are zoomed all the same: no range counts
it, and none bounds it."""
_ONE_SCALE = 1.01


def draw_zoom(
    settings: Augmentation,
    condition: Condition,
    rng: np.random.Generator,
    trained: Trained = ANYWHERE,
) -> float:
    """A zoom factor, log-uniform within the range; 1 for most planes whose scale is unknown.

    A plane without magnification and pixel size is left as it is: no metadata could follow. So is
    one in fluorescence that is known to be out of focus: through a lens of another aperture the
    same distance would blur it otherwise. `trained` holds the ranges of the training set, which
    `zoom_beyond` relates to.
    """
    uniform, share = rng.uniform(-1, 1), rng.random()
    if settings.max_zoom <= 1 or share >= settings.zoom_share or not can_zoom(condition):
        return 1.0
    low, high = zoom_range(settings, condition, trained)
    return float(low * (high / low) ** ((uniform + 1) / 2))


def can_zoom(condition: Condition) -> bool:
    """Whether a zoom of this plane has metadata that can follow and is true to optics."""
    scaled = any(name in condition for name in _SCALES)
    return scaled and not (condition.get("modality") == "fluorescence" and is_blurred(condition))


def zoom_range(settings: Augmentation, condition: Condition, trained: Trained = ANYWHERE) -> Range:
    """The smallest and the largest factor for a plane of this condition.

    `zoom_beyond` bounds them only where the training set has more than one scale.
    """
    low, high = 1 / settings.zoom_out, settings.zoom_in
    bounds = trained if math.isfinite(settings.zoom_beyond) else ANYWHERE
    for name, (least, most) in bounds.items():
        value = condition.get(name)
        if isinstance(value, float | int) and value > 0 and most > _ONE_SCALE * least:
            ends = (least / settings.zoom_beyond / value, most * settings.zoom_beyond / value)
            zooms = sorted(end ** _SCALES[name] for end in ends)
            low, high = max(low, zooms[0]), min(high, zooms[1])
    return min(low, 1.0), max(high, 1.0)


def trained_range(conditions: Sequence[Condition]) -> Trained:
    """The range of each scale field that any of the training conditions states (above 0)."""
    found = {}
    for name in _SCALES:
        stated = [condition.get(name) for condition in conditions]
        numbers = [float(v) for v in stated if isinstance(v, float | int) and v > 0]
        if numbers:
            found[name] = (min(numbers), max(numbers))
    return found


def zoomed_condition(condition: Condition, zoom: float) -> Mapping[str, Value]:
    """The condition after a zoom: magnification times, pixel size divided by the factor."""
    changed = dict(condition)
    for name, power in _SCALES.items():
        value = changed.get(name)
        if isinstance(value, float | int):
            changed[name] = float(value) * zoom**power
    return changed


def resample(
    patch: P, patch_px: int, settings: Augmentation, blur_px: float, rng: np.random.Generator
) -> P:
    """The patch at `patch_px` a side, its PSF as wide in pixels as before where that is possible.

    `blur_px` is a further blur (standard deviation in the new pixels). Noise that the averaging
    took is put back where the patch knows its own.
    """
    zoom = patch_px / patch.side
    sigma = math.hypot(settings.psf_px * math.sqrt(max(0.0, zoom**-2 - 1)), blur_px / zoom)
    noise = patch.noise if settings.restore_noise else ()
    step = Resample(patch.side, patch_px, round(sigma, 3), noise)
    return replace(patch.do(step, rng), condition=zoomed_condition(patch.condition, zoom))
