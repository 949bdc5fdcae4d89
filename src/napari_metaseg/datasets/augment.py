"""Augmentation that keeps the metadata true: what changes the record changes the condition too.

Four discrete magnifications in a cohort teach nothing about those between; drawing the zoom from a
continuous range does (as LIIF, Chen et al., CVPR 2021, and Meta-SR, Hu et al., CVPR 2019, do).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.acquisition.record import Value

_DIRECTIONAL_MODALITIES = {"DIC", "DPC"}
"""Their contrast has a direction, which a turn or flip would make untrue."""


@dataclass(frozen=True)
class Augmentation:
    """What is varied: turns and flips, zoom up to this factor both ways, contrast, noise.

    `max_thinning` is the largest factor by which photons are lost (exposure follows) and
    `max_defocus_um` the largest distance from focus that is added (the plane's offset follows).
    """

    turns: bool = True
    max_zoom: float = 1.4
    zoom_share: float = 0.5
    contrast: float = 0.15
    noise: float = 0.03
    max_thinning: float = 1.0
    max_defocus_um: float = 0.0


@dataclass(frozen=True)
class Patch:
    """One square patch: image (C, P, P), classes and valid (P, P), and its own condition."""

    image: NDArray[np.float32]
    classes: NDArray[np.int16]
    valid: NDArray[np.bool_]
    condition: Condition


def draw_zoom(settings: Augmentation, condition: Condition, rng: np.random.Generator) -> float:
    """A zoom factor, log-uniform within the range; 1 for most planes whose scale is unknown.

    A plane without magnification and pixel size is left as it is: no metadata could follow.
    """
    scaled = "magnification" in condition or "pixel_size_um" in condition
    uniform, share = rng.uniform(-1, 1), rng.random()
    if not scaled or settings.max_zoom <= 1 or share >= settings.zoom_share:
        return 1.0
    return float(settings.max_zoom**uniform)


def zoomed_condition(condition: Condition, zoom: float) -> Mapping[str, Value]:
    """The condition after a zoom: magnification times, pixel size divided by the factor."""
    changed = dict(condition)
    for name, power in (("magnification", 1), ("pixel_size_um", -1)):
        value = changed.get(name)
        if isinstance(value, float | int):
            changed[name] = float(value) * zoom**power
    return changed


def augment(patch: Patch, settings: Augmentation, patch_px: int, rng: np.random.Generator) -> Patch:
    """The patch at `patch_px` pixels a side, turned, with contrast and noise drawn from `rng`.

    A patch of another size is resampled to `patch_px`: zooming out blurs as the lower NA would;
    zooming in adds no resolution (empty magnification).
    """
    zoom = patch_px / patch.classes.shape[0]
    if zoom != 1:
        patch = _resample(patch, patch_px, zoom)
    if settings.turns and patch.condition.get("modality") not in _DIRECTIONAL_MODALITIES:
        patch = _turn(patch, int(rng.integers(8)))
    image = patch.image
    if settings.contrast > 0:
        gain, offset = rng.uniform(-1, 1, 2) * settings.contrast
        image = image * np.float32(1 + gain) + np.float32(offset)
    if settings.noise > 0:
        sigma = np.float32(rng.uniform(0, settings.noise))
        image = image + sigma * rng.standard_normal(image.shape, dtype=np.float32)
    return Patch(image, patch.classes, patch.valid, patch.condition)


def _turn(patch: Patch, which: int) -> Patch:
    def turned(array: NDArray[Any]) -> NDArray[Any]:
        out = np.rot90(array, which % 4, axes=(-2, -1))
        return out[..., ::-1] if which >= 4 else out

    return Patch(turned(patch.image), turned(patch.classes), turned(patch.valid), patch.condition)


def _resample(patch: Patch, patch_px: int, zoom: float) -> Patch:
    # Pixel centres are kept: output pixel i stands at (i + 0.5) / zoom - 0.5 of the input.
    offset = 0.5 / zoom - 0.5

    def sampled(array: NDArray[Any], order: Literal[0, 1]) -> NDArray[Any]:
        shape = (patch_px, patch_px)
        step = (1 / zoom, 1 / zoom)
        return ndimage.affine_transform(array, step, offset, shape, order=order, mode="nearest")

    # The blur that takes a PSF of 1 px to that of the lower magnification.
    sigma = 0.5 * np.sqrt(max(0.0, zoom**-2 - 1))
    image = np.stack([sampled(ndimage.gaussian_filter(c, sigma), 1) for c in patch.image])
    return Patch(
        image=image,
        classes=sampled(patch.classes, 0),
        valid=sampled(patch.valid.astype(np.uint8), 0).astype(bool),
        condition=zoomed_condition(patch.condition, zoom),
    )
