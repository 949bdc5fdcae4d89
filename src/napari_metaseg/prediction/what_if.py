"""What a model would make of a part of a plane, had the plane been acquired otherwise."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.events import CancelToken
from napari_metaseg.prediction.objects.refine import Refinement, cut_again, refined
from napari_metaseg.prediction.scale import canonical_factor

if TYPE_CHECKING:
    from napari_metaseg.datasets.normalise import Levels
    from napari_metaseg.packages.package import ModelPackage
    from napari_metaseg.prediction.predictor import PlanePrediction, Predictor
    from napari_metaseg.prediction.request import GatesName
    from napari_metaseg.prediction.view import RawPlane

NEITHER, BOTH, TRIED_ALONE, TRUE_ALONE, OTHER_CLASS = range(5)
"""What `compare` says of a pixel."""


@dataclass(frozen=True, eq=False)
class Place:
    """What is looked at: rows and columns of a plane whose metadata truly are `truth`."""

    raw: RawPlane
    region: tuple[slice, slice]
    truth: Condition
    pixel_size_um: float | None = None


@dataclass(frozen=True)
class Answer:
    """What tried metadata make of a place, beside what the true ones make of it.

    Both are predictions of the region (Y, X), and so is `difference`, see `compare`. `seconds` is
    what the answer took.
    """

    tried: PlanePrediction
    true: PlanePrediction
    difference: NDArray[np.uint8]
    seconds: float

    @property
    def differing_px(self) -> int:
        """How many pixels are of another class."""
        return int((self.difference > BOTH).sum())

    @property
    def differing_share(self) -> float:
        """The part of all pixels that is of another class."""
        return self.differing_px / self.difference.size

    @property
    def objects(self) -> int:
        """How many objects the tried metadata give."""
        return int(self.tried.labels.max(initial=0))

    @property
    def true_objects(self) -> int:
        """How many objects the true metadata give."""
        return int(self.true.labels.max(initial=0))


def compare(tried: NDArray[np.uint8], true: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of each pixel whether both classes, one alone or neither are foreground; BOTH if equal."""
    found = np.full(tried.shape, NEITHER, np.uint8)
    found[tried > 0] = TRIED_ALONE
    found[true > 0] = TRUE_ALONE
    found[(tried > 0) & (true > 0)] = OTHER_CLASS
    found[(tried > 0) & (tried == true)] = BOTH
    return found


def quick_predictor(
    package: ModelPackage, *, device: str = "auto", gates: GatesName = "exact"
) -> Predictor:
    """A predictor for many conditions on few pixels: no engine that is made ready for each.

    On a processor that computes bf16 it takes that: both sides of a comparison are rounded alike.
    """
    from napari_metaseg.prediction.device import cpu_computes_bf16, resolve_device
    from napari_metaseg.prediction.predictor import Predictor

    rounded = resolve_device(device).type == "cpu" and cpu_computes_bf16()
    precision = "bf16" if rounded else "auto"
    return Predictor(package, device=device, precision=precision, gates=gates, engine="torch")


class WhatIf:
    """Answers for one model. Not thread-safe.

    What does not depend on the tried metadata is kept while the place stays the same: the levels
    of the whole plane (for each scale that the networks see it at) and the true prediction.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._levels: dict[float, Levels] = {}
        self._measured: RawPlane | None = None
        self._place: Place | None = None
        self._true: PlanePrediction | None = None
        self._cut_as: Refinement | None = None

    def answer(
        self,
        place: Place,
        condition: Condition,
        refinement: Refinement,
        token: CancelToken | None = None,
    ) -> Answer:
        """What `condition` makes of a place, cut as `refinement` says.

        Raises `InputError` for what cannot be predicted, `Cancelled` on the token.
        """
        start = time.perf_counter()
        true = self._truth(place, refinement, token)
        same = condition == place.truth
        tried = true if same else self._predict(place, condition, refinement, token)
        difference = compare(tried.classes, true.classes)
        return Answer(tried, true, difference, time.perf_counter() - start)

    def _truth(
        self, place: Place, refinement: Refinement, token: CancelToken | None
    ) -> PlanePrediction:
        """What the true metadata give: predicted once, cut anew where that is to be otherwise."""
        if self._true is None or place is not self._place:
            self._true = self._predict(place, place.truth, refinement, token)
        elif refinement != self._cut_as:
            self._true = cut_again(self._true, refinement, place.pixel_size_um)
        self._place, self._cut_as = place, refinement
        return self._true

    def _predict(
        self,
        place: Place,
        condition: Condition,
        refinement: Refinement,
        token: CancelToken | None,
    ) -> PlanePrediction:
        found = self._predictor.predict_region(
            place.raw,
            place.region,
            condition,
            levels=self._levels_for(place.raw, condition),
            token=token,
            threshold=refinement.threshold,
        )
        return refined(found, refinement, place.pixel_size_um)

    def _levels_for(self, raw: RawPlane, condition: Condition) -> Levels:
        if raw is not self._measured:
            self._measured, self._levels = raw, {}
        factor = canonical_factor(self._predictor.package.manifest.canonical, condition)
        if factor not in self._levels:
            self._levels[factor] = self._predictor.levels(raw, condition)
        return self._levels[factor]
