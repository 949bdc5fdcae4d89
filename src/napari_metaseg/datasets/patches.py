"""Training patches: each drawn from (seed, step, its number) alone, so that a run can be resumed.

Every patch carries the condition of the plane it was cut from, changed where the augmentation
changed what the microscope would have recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import cast

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.datasets.augment import Augmentation, Patch, augment, draw_zoom
from napari_metaseg.datasets.cache import default_bytes
from napari_metaseg.datasets.crops import Cut, draw_crop, plan_crop
from napari_metaseg.datasets.labels import ObjectTarget
from napari_metaseg.datasets.left_out import LeftOut, UnreadablePlane, reason_of
from napari_metaseg.datasets.patch import PlannedPatch
from napari_metaseg.datasets.plane_item import PlaneItem
from napari_metaseg.datasets.planes import PlaneStore
from napari_metaseg.datasets.zoom import trained_range
from napari_metaseg.errors import InputError

_PATCH_STREAM = 1
"""Fourth number of a patch's seed, and more for every draw that met an unreadable plane: other
numbers than those of what is drawn for a batch as a whole."""


@dataclass(frozen=True)
class PatchBatch:
    """N patches of P x P pixels: images (N, C, P, P), classes and valid (N, P, P).

    `conditions` and the `names` of the planes are those of each patch.
    """

    images: NDArray[np.float32]
    classes: NDArray[np.int64]
    valid: NDArray[np.bool_]
    conditions: tuple[Condition, ...]
    names: tuple[str, ...] = ()


class PatchSampler:
    """Draws the patches of any step; the same (seed, step, number) always gives the same patch.

    Planes are read when a patch of them is first drawn, and kept raw up to `cache_bytes`: a quarter
    of the machine's memory and at most 4 GiB, unless it is set after making. `weights` say how
    often each is drawn (they sum to 1); None draws all alike. A plane that can no longer be read is
    drawn no more; `take_notices` tells of it. Raises `InputError` where no plane is annotated or
    none has any foreground, and once more than half of the planes cannot be read. Safe to call from
    another thread than the one that made it; may be pickled for another process.
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
        self._shares = None if weights is None else np.cumsum(weights) / np.sum(weights)
        self._planes = PlaneStore(items, augmentation, objects, default_bytes())
        self._patch_px, self.batch_size, self._seed = patch_px, batch_size, seed
        self._augmentation = augmentation
        self._trained = trained_range([item.condition for item in items])
        self.left_out = LeftOut(len(self._planes))
        if not self._planes.any_foreground:
            raise InputError(
                "the training set has no foreground at all",
                got=f"{len(self._planes)} plane(s) with background only",
                way_out="Annotate some objects, or check that the labels belong to these images",
            )

    @property
    def cache_bytes(self) -> int:
        """The most bytes of planes that are kept."""
        return sum(store.cache.bound for store in self._stores)

    @cache_bytes.setter
    def cache_bytes(self, bound: int) -> None:
        for store in self._stores:
            store.cache.bound = bound // len(self._stores)

    @property
    def _stores(self) -> tuple[PlaneStore, ...]:
        return (self._planes,)

    def batch(self, step: int, part: slice = slice(None)) -> PatchBatch:
        """The patches of one step, or a part of them."""
        patches = self._patches(step, part, draw_crop)
        return PatchBatch(
            images=np.stack([p.image for p in patches]),
            classes=np.stack([p.classes for p in patches]).astype(np.int64),
            valid=np.stack([p.valid for p in patches]),
            conditions=tuple(p.condition for p in patches),
            names=tuple(p.name for p in patches),
        )

    def plan(self, step: int, part: slice = slice(None)) -> tuple[PlannedPatch, ...]:
        """The patches of one step, or a part of them, as crops, with what is to be done to them.

        Crops, steps and conditions are those of `batch`, apart from what is drawn after a loss of
        photons (see `Thin`).
        """
        return tuple(cast(list[PlannedPatch], self._patches(step, part, plan_crop)))

    def take_notices(self) -> tuple[str, ...]:
        """One sentence on each plane that was found unreadable since the last call."""
        return self.left_out.take_notices()

    def _patches(self, step: int, part: slice, cut: Cut) -> list[Patch]:
        return [self._numbered(step, n, cut) for n in range(self.batch_size)[part]]

    def _numbered(self, step: int, number: int, cut: Cut) -> Patch:
        """The patch of that number; drawn again for as long as its plane cannot be read."""
        for stream in count(_PATCH_STREAM):
            rng = np.random.default_rng([self._seed, step, number, stream])
            index = self._draw(rng)
            if index in self.left_out:
                continue
            try:
                return self._patch(index, rng, cut)
            except UnreadablePlane as error:
                self.left_out.add({index: (self._planes.name(index), reason_of(error))})
        raise AssertionError

    def _draw(self, rng: np.random.Generator) -> int:
        """The number of a plane."""
        if self._shares is None:
            return int(rng.integers(len(self._planes)))
        drawn = np.searchsorted(self._shares, rng.random(), side="right")
        return min(int(drawn), len(self._planes) - 1)

    def _patch(self, index: int, rng: np.random.Generator, cut: Cut) -> Patch:
        condition = self._planes.condition(index)
        zoom = draw_zoom(self._augmentation, condition, rng, self._trained)
        patch = cut(self._planes.get(index), max(8, round(self._patch_px / zoom)), rng)
        return augment(patch, self._augmentation, self._patch_px, rng)
