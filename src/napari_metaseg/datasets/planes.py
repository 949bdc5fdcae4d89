"""Planes ready to be cropped: read when first needed, kept as long as there is room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.datasets.augment import Augmentation
from napari_metaseg.datasets.cache import ByteCache
from napari_metaseg.datasets.labels import LabelTarget, ObjectTarget
from napari_metaseg.datasets.left_out import UnreadablePlane, read_plane
from napari_metaseg.datasets.noise import ChannelNoise
from napari_metaseg.datasets.normalise import Levels, check_finite, measure_levels, stretch
from napari_metaseg.datasets.object_targets import training_classes
from napari_metaseg.datasets.photons import Stretch, measure_stretch
from napari_metaseg.datasets.pixels import Raw
from napari_metaseg.datasets.plane_item import PlaneItem
from napari_metaseg.datasets.plane_survey import PlaneSurvey, Positions, measure_plane_noise
from napari_metaseg.errors import InputError


@dataclass(frozen=True)
class Light:
    """What is measured of a plane's brightness, once and on the whole of it."""

    levels: Levels
    noise: tuple[ChannelNoise, ...] = ()
    stretch: tuple[Stretch, ...] = ()


@dataclass(frozen=True)
class Plane:
    """A raw plane with what normalises it and the flat positions that patches are centred near.

    `classes` (Y, X) are those that are learned; `valid` (Y, X) is None where every pixel counts.
    """

    name: str
    image: Raw
    classes: NDArray[Any]
    valid: NDArray[np.bool_] | None
    condition: Condition
    foreground: Positions
    annotated: Positions
    light: Light

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        valid = 0 if self.valid is None else self.valid.nbytes
        return self.image.nbytes + self.classes.nbytes + valid


class PlaneStore:
    """The planes of some items, each with all that cropping it takes.

    At most `bound` bytes of them are kept. `like` is the store of the same planes on another grid,
    whose brightness normalises these. What is measured of a plane is measured once and stays.
    Raises `InputError` where a plane has no labels or nothing of it is annotated.
    """

    def __init__(
        self,
        items: Sequence[PlaneItem],
        augmentation: Augmentation,
        objects: ObjectTarget,
        bound: int,
        *,
        like: PlaneStore | None = None,
    ) -> None:
        self._items = tuple(items)
        self._surveys = tuple(_checked(item) for item in items)
        self._augmentation, self._objects, self._like = augmentation, objects, like
        self._light: dict[int, Light] = {}
        self.cache = ByteCache[Plane](bound, _size_of)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def any_foreground(self) -> bool:
        """Whether any plane has an object."""
        return any(survey.foreground.size for survey in self._surveys)

    def name(self, number: int) -> str:
        """What to call the plane."""
        return self._items[number].name

    def condition(self, number: int) -> Condition:
        """What is known of the plane."""
        return self._items[number].condition

    def get(self, number: int) -> Plane:
        """The plane, read if need be. Raises `UnreadablePlane` where it cannot be."""
        plane = self.cache.get(number)
        if plane is None:
            plane = self._read(number)
            self.cache.keep(number, plane)
        return plane

    def light(self, number: int) -> Light:
        """What is measured of the plane, which is read for it once. Raises as `get` does."""
        return self._light.get(number) or self.get(number).light

    def _read(self, number: int) -> Plane:
        item, survey = self._items[number], self._surveys[number]
        image, target = read_plane(item)
        if target is None or image.shape != survey.shape:
            raise UnreadablePlane(f"{item.name} has changed since the training began")
        if number not in self._light:
            self._light[number] = self._measure(number, image)
        return Plane(
            name=item.name,
            image=image,
            classes=_compact_classes(training_classes(target, self._objects)),
            valid=_compact_valid(target),
            condition=item.condition,
            foreground=survey.foreground,
            annotated=survey.annotated,
            light=self._light[number],
        )

    def _measure(self, number: int, image: Raw) -> Light:
        survey, settings = self._surveys[number], self._augmentation
        if self._like is None:
            levels, noise = survey.levels, survey.noise
        else:
            levels, noise = self._like.light(number).levels, None
        if levels is None:
            check_finite(image, self._items[number].name)
            levels = measure_levels(image)
        if settings.max_zoom <= 1 and settings.max_defocus_um <= 0 and settings.max_thinning <= 1:
            return Light(levels)
        noise = measure_plane_noise(image, levels) if noise is None else noise
        if settings.max_thinning <= 1 or not all(n.known_gain for n in noise):
            return Light(levels, noise)
        channels = zip(stretch(image, levels), noise, strict=True)
        ends = tuple(measure_stretch(c, n, settings.max_thinning) for c, n in channels)
        return Light(levels, noise, ends)


def _checked(item: PlaneItem) -> PlaneSurvey:
    survey = item.surveyed()
    if not survey.labelled:
        raise InputError(f"{item.name} has no labels", way_out="Annotate it, or leave it out")
    if not survey.annotated_px:
        raise InputError(
            f"nothing in {item.name} is annotated",
            got="only 0 in labels of the kind 'sparse'",
            way_out="Paint some background (1) and some object (2), or leave it out",
        )
    return survey


def _size_of(plane: Plane) -> int:
    return plane.nbytes


def _compact_classes(classes: NDArray[np.int16]) -> NDArray[Any]:
    fits = classes.size and classes.min() >= 0 and classes.max() <= np.iinfo(np.uint8).max
    return classes.astype(np.uint8) if fits else classes


def _compact_valid(target: LabelTarget) -> NDArray[np.bool_] | None:
    return None if target.valid.all() else target.valid
