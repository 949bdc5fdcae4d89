"""Whether the stated scale fits what is seen: the size of objects against those of training.

A wrong pixel size or magnification is no error that a file can show, yet it makes every object too
large or too small in µm. That is what is checked here, generously: biology varies, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.datasets.object_widths import diameters_px, weighted_percentiles

Unit = Literal["µm", "µm at 1x", "px"]

LEAST_OBJECTS = 5
"""Fewer objects say nothing about a size."""
GENEROUS = 1.6
"""How far the usual object may lie beyond the trained sizes before it is worth a sentence."""


class ObjectSizes(BaseModel):
    """The 5th, 50th and 95th percentile of the equivalent diameter of training objects.

    In µm where the pixel size was known; in camera µm over magnification as if a pixel were 1 µm
    on the camera (`µm at 1x`) where only the magnification was; else in pixels.
    """

    model_config = ConfigDict(frozen=True)

    unit: Unit
    low: float = Field(gt=0)
    median: float = Field(gt=0)
    high: float = Field(gt=0)
    objects: int = Field(ge=1)


def measure_sizes(items: Sequence[PlaneItem]) -> ObjectSizes | None:
    """The sizes of the annotated objects of all items, in the best unit that all of them allow.

    Objects that touch the edge of their plane, or pixels that nobody annotated, are left out. None
    where there are fewer than `LEAST_OBJECTS`. Planes that were surveyed are not read.
    """
    measured = [(item.surveyed().widths, item.condition) for item in items]
    measured = [(widths, condition) for widths, condition in measured if widths.objects]
    unit = _common_unit([condition for _, condition in measured])
    count = sum(widths.objects for widths, _ in measured)
    if count < LEAST_OBJECTS:
        return None
    sizes = np.concatenate([w.px * (_scale(condition, unit) or 1.0) for w, condition in measured])
    weights = np.concatenate([np.full(len(w.px), w.weight) for w, _ in measured])
    low, median, high = weighted_percentiles(sizes.astype(np.float64), weights, (5, 50, 95))
    return ObjectSizes(
        unit=unit, low=float(low), median=float(median), high=float(high), objects=count
    )


def size_notice(
    labels: NDArray[np.int32], condition: Condition, sizes: ObjectSizes | None
) -> str | None:
    """A plain sentence where the objects found (Y, X) have sizes that training never saw.

    None where sizes or scale are unknown, where fewer than `LEAST_OBJECTS` lie clear of the edge,
    or where the usual one is within `GENEROUS` of the trained sizes. The usual one is that of the
    usual pixel: half of the area found is in objects no larger. So specks beside sound objects,
    which may be many, do not make it.
    """
    return None if sizes is None else width_notice(diameters_px(labels), condition, sizes)


def width_notice(
    diameters: NDArray[np.float64], condition: Condition, sizes: ObjectSizes | None
) -> str | None:
    """The same from the diameters in pixels of the objects that lie clear of the edge."""
    scale = None if sizes is None else _scale(condition, sizes.unit)
    if sizes is None or scale is None:
        return None
    widths = diameters * scale
    if widths.size < LEAST_OBJECTS:
        return None
    found = _of_usual_pixel(widths)
    if sizes.low / GENEROUS <= found <= sizes.high * GENEROUS:
        return None
    return _sentence(found, sizes)


def _of_usual_pixel(widths: NDArray[np.float64]) -> float:
    """The median of the widths, each counted by its area."""
    ordered = np.sort(widths)
    area = np.cumsum(ordered**2)
    return float(ordered[np.searchsorted(area, area[-1] / 2)])


def _sentence(found: float, sizes: ObjectSizes) -> str:
    seen, low, high = (_two_digits(size) for size in (found, sizes.low, sizes.high))
    if sizes.unit == "px":
        return (
            f"the objects found are {seen} px wide; in training they were {low} to {high} px: "
            "check that the images have the scale of the training images"
        )
    if sizes.unit == "µm":
        return (
            f"the objects found are {seen} µm wide at the stated pixel size; in training they "
            f"were {low} to {high} µm: check pixel_size_um and magnification"
        )
    times = _two_digits(max(found / sizes.high, sizes.low / found))
    word = "larger" if found > sizes.high else "smaller"
    return (
        f"the objects found are {times} times {word} than any usual one in training at the "
        "stated magnification: check magnification"
    )


def _two_digits(number: float) -> str:
    """The number to two digits, written out: 490, never 4.9e+02."""
    return f"{Decimal(f'{number:.2g}'):f}"


def _common_unit(conditions: Sequence[Condition]) -> Unit:
    units: tuple[Unit, ...] = ("µm", "µm at 1x")
    for unit in units:
        if conditions and all(_scale(condition, unit) for condition in conditions):
            return unit
    return "px"


def _scale(condition: Condition, unit: Unit) -> float | None:
    """What a pixel measures in that unit, or None where the condition does not say."""
    if unit == "px":
        return 1.0
    value = condition.get("pixel_size_um" if unit == "µm" else "magnification")
    if isinstance(value, bool | str) or value is None or value <= 0:
        return None
    return float(value) if unit == "µm" else 1 / float(value)
