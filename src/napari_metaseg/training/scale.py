"""Training at the canonical scale, and what makes scale augmentation ordinary or consistent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.datasets.augment import Augmentation, Patch, augment
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.datasets.labels import LabelTarget, ObjectTarget
from napari_metaseg.datasets.patches import Cut, PatchSampler, Plane, prepare
from napari_metaseg.datasets.resize import resize_image, resize_labels, scaled_shape
from napari_metaseg.datasets.steps import Resize
from napari_metaseg.datasets.zoom import UNKNOWN_SCALE, can_zoom, resample
from napari_metaseg.errors import InputError
from napari_metaseg.packages.manifest import Canonical
from napari_metaseg.prediction.scale import canonical_factor

_SCALES = ("pixel_size_um", "magnification")


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
    instances = item.target.instances
    target = LabelTarget(
        classes=resize_labels(item.target.classes, shape),
        valid=resize_labels(item.target.valid, shape),
        instances=None if instances is None else resize_labels(instances, shape),
    )
    return replace(item, image=resize_image(item.image, shape), target=target)


def unscaled_count(items: Sequence[PlaneItem], canonical: Canonical) -> int:
    """How many planes do not state the scale and stay as they are."""
    return sum(canonical.field not in item.condition for item in items)


def zoomable(item: PlaneItem) -> PlaneItem:
    """The plane with no more metadata than a scale, so that any plane is zoomed.

    An unknown scale gets a stand-in that says nothing of the scales of the training set. For
    networks that see no metadata; with metadata an unknown scale must stay unknown. The
    modality stays, as it says which planes may be turned.
    """
    kept = {n: v for n, v in item.condition.items() if n in (*_SCALES, "modality")}
    scale = {} if any(name in kept for name in _SCALES) else {"pixel_size_um": UNKNOWN_SCALE}
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
    """Lower resolution at the canonical scale: down to 1 / `zoom` of the recorded one.

    `unscaled` is the share of patches whose scale is hidden, so that they are not resized either.
    """

    canonical: Canonical
    zoom: float
    unscaled: float = 0.0


class ResolutionSampler(PatchSampler):
    """Patches at the canonical scale, half of them as a lower magnification would have given them.

    A few trained magnifications become a range: the factor r is log-uniform in [1 / `zoom`, 1], the
    recorded plane is zoomed out by it, with the noise that a camera would have again, and brought
    to the canonical scale as at prediction; magnification and pixel size say so. `items` are the
    planes as recorded. Planes that the zoom leaves alone are left alone here. Drawn from
    (seed, step) alone.
    """

    def __init__(  # noqa: PLR0913 - what every sampler takes, and the coarsening
        self,
        items: Sequence[PlaneItem],
        coarsening: Coarsening,
        *,
        patch_px: int,
        batch_size: int,
        seed: int,
        augmentation: Augmentation,
        weights: NDArray[np.float64] | None = None,
        objects: ObjectTarget = "mask",
    ) -> None:
        scaled = [at_canonical_scale(item, coarsening.canonical) for item in items]
        super().__init__(
            scaled,
            patch_px=patch_px,
            batch_size=batch_size,
            seed=seed,
            augmentation=augmentation,
            weights=weights,
            objects=objects,
        )
        self._coarsening = coarsening
        # What is zoomed are the recorded pixels: only their noise is white and can be measured.
        zooming = replace(augmentation, max_zoom=coarsening.zoom)
        pairs = zip(items, scaled, strict=True)
        self._recorded = [prepare(item, zooming, like.image, objects) for item, like in pairs]

    def _patch(self, index: int, rng: np.random.Generator, cut: Cut) -> Patch:
        plane = self._recorded[index]
        if rng.random() < self._coarsening.unscaled:
            return self._unscaled(plane, rng, cut)
        share, zoom = rng.random(), float(self._coarsening.zoom ** -rng.random())
        canonical = self._coarsening.canonical
        if share >= 0.5 or canonical.field not in plane.condition or not can_zoom(plane.condition):
            return super()._patch(index, rng, cut)
        side = max(8, round(self._patch_px / canonical_factor(canonical, plane.condition)))
        recorded = cut(plane, side, rng)
        patch = coarser(recorded, zoom, self._patch_px, self._augmentation, rng)
        known = self._planes[index]
        patch = replace(patch, noise=known.noise, stretch=known.stretch)
        return augment(patch, self._augmentation, self._patch_px, rng)

    def _unscaled(self, plane: Plane, rng: np.random.Generator, cut: Cut) -> Patch:
        """What prediction sees of a plane without metadata: as recorded, and nothing told.

        The modality alone stays, as it says which planes may be turned.
        """
        patch = cut(plane, self._patch_px, rng)
        known = {n: v for n, v in patch.condition.items() if n == "modality"}
        patch = replace(patch, condition=known, noise=(), stretch=())
        return augment(patch, self._augmentation, self._patch_px, rng)


def coarser(
    recorded: Patch,
    zoom: float,
    patch_px: int,
    settings: Augmentation,
    rng: np.random.Generator,
) -> Patch:
    """A recorded patch zoomed out by `zoom` (at most 1), then resized to `patch_px` a side.

    The first is what a lens of that magnification would have recorded, the second what prediction
    does with such an image. The zoom is rounded to whole pixels, towards 1.
    """
    side = math.ceil(recorded.side * zoom)
    if side < recorded.side:
        recorded = resample(recorded, side, settings, 0.0, rng)
    return recorded.do(Resize(patch_px), rng)
