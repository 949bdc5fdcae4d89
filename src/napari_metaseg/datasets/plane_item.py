"""A training item: one plane with its own condition; pixels and labels are read when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.cohort import LabelKind
from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.acquisition.record import Value
from napari_metaseg.datasets.labels import LabelTarget
from napari_metaseg.datasets.pixels import (
    InMemory,
    PlanePixels,
    PlaneSource,
    Raw,
    WithImage,
    WithTarget,
)
from napari_metaseg.datasets.plane_survey import PlaneSurvey, survey_plane


class _Kept(Enum):
    KEPT = 0


_KEPT: Final = _Kept.KEPT


@dataclass(frozen=True, init=False)
class PlaneItem:
    """One plane to train on or to score; all but its pixels and labels is at hand.

    `condition` is what is known of this very plane; `group` is never divided between splits.
    `facts` are the row's values for reports. `label_kind` is the kind that the annotation was
    converted from. `source` reads pixels and labels, anew whenever they are asked for: take them
    once with `read`, or keep them with `loaded`. `survey` are the measured facts of them, None
    before they were measured.

    Made from arrays, `image` (C, Y, X) and `target`, or from a `source`. Both of them together, as
    in `replace(item, image=...)`, change a part of what the source reads; the survey goes then.
    """

    name: str
    source: PlaneSource
    condition: Condition
    group: str
    split: str
    label_kind: LabelKind
    facts: Mapping[str, Value]
    survey: PlaneSurvey | None

    def __init__(  # noqa: PLR0913 - a value of many parts
        self,
        name: str,
        image: Raw | None = None,
        condition: Condition | None = None,
        target: LabelTarget | _Kept | None = _KEPT,
        group: str = "",
        split: str = "",
        label_kind: LabelKind = "instances",
        facts: Mapping[str, Value] | None = None,
        *,
        source: PlaneSource | None = None,
        survey: PlaneSurvey | None = None,
    ) -> None:
        changed = image is not None or target is not _KEPT
        values = {
            "name": name,
            "source": _source(source, image, target),
            "condition": {} if condition is None else condition,
            "group": group,
            "split": split,
            "label_kind": label_kind,
            "facts": {} if facts is None else facts,
            "survey": None if changed else survey,
        }
        for field, value in values.items():
            object.__setattr__(self, field, value)

    @property
    def image(self) -> NDArray[np.float32]:
        """The raw intensities (C, Y, X), read now. Raises `InputError` where they cannot be."""
        return self.source.image().astype(np.float32, copy=False)

    @property
    def target(self) -> LabelTarget | None:
        """The annotation, read now. Raises `InputError` where it cannot be."""
        return self.source.target()

    def read(self) -> PlanePixels:
        """Pixels as they are kept (see `Raw`) and annotation, read now; errors as in `image`."""
        return PlanePixels(self.source.image(), self.source.target())

    def loaded(self) -> PlaneItem:
        """The same plane with its pixels and labels in memory."""
        if isinstance(self.source, InMemory):
            return self
        return self._with(InMemory(self.image, self.target), self.survey)

    def with_pixels(self, image: Raw, target: LabelTarget | None) -> PlaneItem:
        """The same plane with other pixels and labels, in memory."""
        return self._with(InMemory(image, target), None)

    def surveyed(self) -> PlaneSurvey:
        """The facts of its pixels: those at hand, else measured now (without the noise)."""
        return self.survey or survey_plane(self.read())

    def with_survey(self, survey: PlaneSurvey) -> PlaneItem:
        """The same plane with the facts of its pixels."""
        return self if survey is self.survey else self._with(self.source, survey)

    def _with(self, source: PlaneSource, survey: PlaneSurvey | None) -> PlaneItem:
        return PlaneItem(
            self.name,
            condition=self.condition,
            group=self.group,
            split=self.split,
            label_kind=self.label_kind,
            facts=self.facts,
            source=source,
            survey=survey,
        )

    @property
    def group_key(self) -> str:
        """The group, or the item's own name where the cohort gives no group."""
        return self.group or self.name


def _source(
    source: PlaneSource | None, image: Raw | None, target: LabelTarget | _Kept | None
) -> PlaneSource:
    if source is None:
        if image is None:
            raise TypeError("a plane needs an image or a source of one")
        return InMemory(image, None if target is _KEPT else target)
    if target is not _KEPT:
        return WithTarget(source, target) if image is None else InMemory(image, target)
    return source if image is None else WithImage(source, image)
