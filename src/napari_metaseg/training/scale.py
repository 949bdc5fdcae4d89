"""Training at the canonical scale, and what makes scale augmentation ordinary or consistent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.datasets.augment import Augmentation, zoomed_condition
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.datasets.labels import LabelTarget
from napari_metaseg.datasets.patches import PatchBatch, PatchSampler
from napari_metaseg.datasets.resize import resize_image, resize_labels, scaled_shape
from napari_metaseg.errors import InputError
from napari_metaseg.packages.manifest import Canonical
from napari_metaseg.prediction.scale import canonical_factor

_SCALES = ("pixel_size_um", "magnification")
_RESOLUTION_STREAM = 7


def choose_canonical(train: Sequence[PlaneItem]) -> Canonical:
    """One scale for all: the geometric mean of the distinct scales of the training planes.

    By pixel size where every plane states it, else by magnification. Raises `InputError` where no
    plane states either.
    """
    pixels = [item.condition.get("pixel_size_um") for item in train]
    field = _SCALES[0] if all(pixels) else _SCALES[1]
    stated = [item.condition.get(field) for item in train]
    values = sorted({float(v) for v in stated if isinstance(v, float | int) and v > 0})
    if not values:
        raise InputError(
            "a canonical scale needs the magnification or pixel size of the images",
            got="no training image states the magnification, and not all state the pixel size",
            way_out="Add a column magnification or pixel_size_um, or choose another strategy",
        )
    mean = math.exp(sum(map(math.log, values)) / len(values))
    return Canonical(field=field, value=float(f"{mean:.6g}"))


def at_canonical_scale(item: PlaneItem, canonical: Canonical) -> PlaneItem:
    """The plane resized as at prediction, its labels with it; its condition stays as recorded."""
    factor = canonical_factor(canonical, item.condition)
    shape = scaled_shape((item.image.shape[-2], item.image.shape[-1]), factor)
    if item.target is None or shape == item.image.shape[-2:]:
        return item
    target = LabelTarget(
        classes=resize_labels(item.target.classes, shape),
        valid=resize_labels(item.target.valid, shape),
    )
    return replace(item, image=resize_image(item.image, shape), target=target)


def unscaled_count(items: Sequence[PlaneItem], canonical: Canonical) -> int:
    """How many planes do not state the scale and stay as they are."""
    return sum(canonical.field not in item.condition for item in items)


def zoomable(item: PlaneItem) -> PlaneItem:
    """The plane with no more metadata than a scale (1 where unknown), so that any plane is zoomed.

    For networks that see no metadata; with metadata an unknown scale must stay unknown. The
    modality stays, as it says which planes may be turned.
    """
    kept = {n: v for n, v in item.condition.items() if n in (*_SCALES, "modality")}
    scale = {} if any(name in kept for name in _SCALES) else {"pixel_size_um": 1.0}
    return replace(item, condition=kept | scale)


def lowered(schema: MetadataSchema, zoom: float) -> MetadataSchema:
    """The schema with its trained range stretched towards lower magnifications only."""
    for field in schema.fields:
        low, high = field.trained_min, field.trained_max
        if low is None or high is None:
            continue
        if field.name == "magnification":
            schema = schema.covering(field.name, low / zoom, high)
        elif field.name == "pixel_size_um":
            schema = schema.covering(field.name, low, high * zoom)
    return schema


@dataclass(frozen=True)
class Coarsening:
    """Lower resolution at the canonical scale: down to 1 / `zoom` of the recorded one."""

    canonical: Canonical
    zoom: float


class ResolutionSampler(PatchSampler):
    """Patches at the canonical scale, half of them as a lower magnification would resolve them.

    A few trained magnifications become a range: the factor r is log-uniform in [1 / `zoom`, 1], the
    patch loses what an image r times as magnified would not have resolved, and its magnification
    and pixel size say so. Drawn from (seed, step) alone.
    """

    def __init__(
        self,
        items: Sequence[PlaneItem],
        coarsening: Coarsening,
        *,
        patch_px: int,
        batch_size: int,
        seed: int,
        augmentation: Augmentation,
    ) -> None:
        super().__init__(
            items,
            patch_px=patch_px,
            batch_size=batch_size,
            seed=seed,
            augmentation=augmentation,
        )
        self._coarsening, self._stream = coarsening, seed

    def batch(self, step: int) -> PatchBatch:
        """The patches of one step."""
        batch = super().batch(step)
        rng = np.random.default_rng([self._stream, step, _RESOLUTION_STREAM])
        images, conditions = batch.images.copy(), list(batch.conditions)
        canonical, most = self._coarsening.canonical, self._coarsening.zoom
        for i, condition in enumerate(conditions):
            share, zoom = rng.random(), float(most ** -rng.random())
            if share < 0.5 and canonical.field in condition:
                pixel = canonical_factor(canonical, condition)
                images[i] = coarser(images[i], pixel, zoom)
                conditions[i] = zoomed_condition(condition, zoom)
        return replace(batch, images=images, conditions=tuple(conditions))


def coarser(image: NDArray[np.float32], pixel: float, zoom: float) -> NDArray[np.float32]:
    """What the (C, Y, X) patch would be had it been taken at `zoom` (at most 1) times.

    `pixel` is the size of a recorded pixel in pixels of the patch. The blur takes a PSF of 1
    recorded pixel to that of the lower magnification, as in the zoom of whole images; then the
    patch passes a grid of pixels of `pixel` / `zoom`, where that is coarser than its own.
    """
    sigma = 0.5 * pixel * math.sqrt(max(0.0, zoom**-2 - 1))
    blurred = np.stack([ndimage.gaussian_filter(channel, sigma) for channel in image])
    shape = (image.shape[-2], image.shape[-1])
    grid = scaled_shape(shape, min(1.0, zoom / pixel))
    return resize_image(resize_image(blurred, grid), shape)
