"""Training patches: where to crop, drawn from (seed, step) alone, so that a run can be resumed.

Every patch carries the condition of the plane it was cut from, changed where the augmentation
changed what the microscope would have recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.datasets.augment import Augmentation, Patch, augment, draw_zoom
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.datasets.labels import LabelTarget, ObjectTarget
from napari_metaseg.datasets.noise import ChannelNoise, measure_noise
from napari_metaseg.datasets.normalise import normalise
from napari_metaseg.datasets.object_targets import training_classes
from napari_metaseg.datasets.patch import PlannedPatch
from napari_metaseg.datasets.photons import Stretch, measure_stretch
from napari_metaseg.datasets.zoom import trained_range
from napari_metaseg.errors import InputError

_FOREGROUND_SHARE = 0.7
"""Of the patches, so many are centred on an annotated object, where the plane has one."""


@dataclass(frozen=True)
class PatchBatch:
    """N patches of P x P pixels: images (N, C, P, P), classes and valid (N, P, P), N conditions."""

    images: NDArray[np.float32]
    classes: NDArray[np.int64]
    valid: NDArray[np.bool_]
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Plane:
    """A normalised plane with its noise and the flat positions that patches may be centred on."""

    image: NDArray[np.float32]
    target: LabelTarget
    condition: Condition
    foreground: NDArray[np.intp]
    annotated: NDArray[np.intp]
    noise: tuple[ChannelNoise, ...]
    stretch: tuple[Stretch, ...]


Cut = Callable[[Plane, int, np.random.Generator], Patch]
"""Draws a square of some pixels a side: `draw_crop` to work on it at once, else `plan_crop`."""


class PatchSampler:
    """Draws the batch of any step; the same (seed, step) always gives the same batch.

    Planes are normalised once and kept in memory. `weights` say how often each is drawn (they sum
    to 1); None draws all alike. `objects` is what is learned of labels that tell objects apart.
    Raises `InputError` where no plane is annotated, none has any foreground, or labels tell no
    objects apart and `objects` needs them to. Safe to call from another thread than its own.
    """

    def __init__(
        self,
        items: Sequence[PlaneItem],
        *,
        patch_px: int,
        batch_size: int,
        seed: int,
        augmentation: Augmentation,
        weights: NDArray[np.float64] | None = None,
        objects: ObjectTarget = "mask",
    ) -> None:
        self._weights = weights
        self._planes = [prepare(item, augmentation, objects=objects) for item in items]
        self._patch_px, self._batch_size, self._seed = patch_px, batch_size, seed
        self._augmentation = augmentation
        self._trained = trained_range([item.condition for item in items])
        if not any(plane.foreground.size for plane in self._planes):
            raise InputError(
                "the training set has no foreground at all",
                got=f"{len(self._planes)} plane(s) with background only",
                way_out="Annotate some objects, or check that the labels belong to these images",
            )

    def batch(self, step: int) -> PatchBatch:
        """The patches of one step."""
        patches = self._patches(step, draw_crop)
        return PatchBatch(
            images=np.stack([p.image for p in patches]),
            classes=np.stack([p.classes for p in patches]).astype(np.int64),
            valid=np.stack([p.valid for p in patches]),
            conditions=tuple(p.condition for p in patches),
        )

    def plan(self, step: int) -> tuple[PlannedPatch, ...]:
        """The patches of one step as crops, with what is to be done to them.

        Crops, steps and conditions are those of `batch`, apart from what is drawn after a loss of
        photons (see `Thin`).
        """
        return tuple(cast(list[PlannedPatch], self._patches(step, plan_crop)))

    def _patches(self, step: int, cut: Cut) -> list[Patch]:
        rng = np.random.default_rng([self._seed, step])
        return [self._patch(int(i), rng, cut) for i in self._draw(rng)]

    def _draw(self, rng: np.random.Generator) -> NDArray[np.integer]:
        """The planes of a batch."""
        count = len(self._planes)
        if self._weights is None:
            return rng.integers(count, size=self._batch_size)
        return rng.choice(count, size=self._batch_size, p=self._weights)

    def _patch(self, index: int, rng: np.random.Generator, cut: Cut) -> Patch:
        plane = self._planes[index]
        zoom = draw_zoom(self._augmentation, plane.condition, rng, self._trained)
        patch = cut(plane, max(8, round(self._patch_px / zoom)), rng)
        return augment(patch, self._augmentation, self._patch_px, rng)


def draw_crop(plane: Plane, side: int, rng: np.random.Generator) -> Patch:
    """A square of `side` pixels somewhere on the annotated part, most of them on an object."""
    centred = plane.foreground.size and rng.random() < _FOREGROUND_SHARE
    pool = plane.foreground if centred else plane.annotated
    centre = np.unravel_index(int(rng.choice(pool)), plane.target.classes.shape)
    return _crop(plane, (int(centre[0]), int(centre[1])), side, rng)


def plan_crop(plane: Plane, side: int, rng: np.random.Generator) -> PlannedPatch:
    """The same square as `draw_crop`, to plan the work on it."""
    return PlannedPatch.of(draw_crop(plane, side, rng))


def prepare(
    item: PlaneItem,
    augmentation: Augmentation,
    like: NDArray[np.generic] | None = None,
    objects: ObjectTarget = "mask",
) -> Plane:
    """The plane ready to be cropped; `like` is the raw image whose percentiles normalise it.

    Raises `InputError` where it has no labels or none of it is annotated.
    """
    if item.target is None:
        raise InputError(f"{item.name} has no labels", way_out="Annotate it, or leave it out")
    annotated = np.flatnonzero(item.target.valid)
    if annotated.size == 0:
        raise InputError(
            f"nothing in {item.name} is annotated",
            got="only 0 in labels of the kind 'sparse'",
            way_out="Paint some background (1) and some object (2), or leave it out",
        )
    image = normalise(item.image, like)
    noise, stretch = _measure(image, augmentation)
    return Plane(
        image=image,
        target=replace(item.target, classes=training_classes(item.target, objects)),
        condition=item.condition,
        foreground=np.flatnonzero(item.target.valid & (item.target.classes > 0)),
        annotated=annotated,
        noise=noise,
        stretch=stretch,
    )


def _measure(
    image: NDArray[np.float32], settings: Augmentation
) -> tuple[tuple[ChannelNoise, ...], tuple[Stretch, ...]]:
    """What the augmentation has to know of a plane's noise; nothing where it does not need it."""
    if settings.max_zoom <= 1 and settings.max_defocus_um <= 0 and settings.max_thinning <= 1:
        return (), ()
    noise = tuple(measure_noise(channel) for channel in image)
    if settings.max_thinning <= 1 or not all(n.known_gain for n in noise):
        return noise, ()
    most = settings.max_thinning
    return noise, tuple(measure_stretch(c, n, most) for c, n in zip(image, noise, strict=True))


def _crop(plane: Plane, centre: tuple[int, int], side: int, rng: np.random.Generator) -> Patch:
    """A square of `side` pixels that holds `centre`; what lies outside the plane is not valid."""
    shape = plane.target.classes.shape
    starts = [_start(c, side, n, rng) for c, n in zip(centre, shape, strict=True)]
    window = tuple(slice(s, min(s + side, n)) for s, n in zip(starts, shape, strict=True))
    padding = [(0, side - (w.stop - w.start)) for w in window]
    return Patch(
        image=np.pad(plane.image[(slice(None), *window)], [(0, 0), *padding], mode="symmetric"),
        classes=np.pad(plane.target.classes[window], padding),
        valid=np.pad(plane.target.valid[window], padding),
        condition=plane.condition,
        noise=plane.noise,
        stretch=plane.stretch,
    )


def _start(centre: int, side: int, size: int, rng: np.random.Generator) -> int:
    jittered = centre - side // 2 + int(rng.integers(-(side // 4), side // 4 + 1))
    return max(0, min(jittered, size - side))
