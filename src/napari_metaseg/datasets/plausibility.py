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
from scipy import ndimage

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.datasets.labels import LabelTarget

Unit = Literal["µm", "µm at 1x", "px"]

LEAST_OBJECTS = 5
"""Fewer objects say nothing about a size."""
GENEROUS = 1.6
"""How far the usual object may lie beyond the trained sizes before it is worth a sentence."""
_SPECKS_PX = 9
"""Objects of fewer pixels are noise of the prediction, or cells hardly seen."""


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
    where there are fewer than `LEAST_OBJECTS`.
    """
    targets = [(item.target, item.condition) for item in items if item.target is not None]
    measured = [(_diameters_px(_objects_of(target)), condition) for target, condition in targets]
    measured = [(widths, condition) for widths, condition in measured if widths.size]
    unit = _common_unit([condition for _, condition in measured])
    sizes = [widths * (_scale(condition, unit) or 1.0) for widths, condition in measured]
    every = np.concatenate([np.empty(0), *sizes])
    if every.size < LEAST_OBJECTS:
        return None
    low, median, high = (float(p) for p in np.percentile(every, (5, 50, 95)))
    return ObjectSizes(unit=unit, low=low, median=median, high=high, objects=every.size)


def size_notice(
    labels: NDArray[np.int32], condition: Condition, sizes: ObjectSizes | None
) -> str | None:
    """A plain sentence where the objects found (Y, X) have sizes that training never saw.

    None where sizes or scale are unknown, where fewer than `LEAST_OBJECTS` lie clear of the edge,
    or where the usual one is within `GENEROUS` of the trained sizes. The usual one is that of the
    usual pixel: half of the area found is in objects no larger. So specks beside sound objects,
    which may be many, do not make it.
    """
    scale = None if sizes is None else _scale(condition, sizes.unit)
    if sizes is None or scale is None:
        return None
    widths = _diameters_px(labels) * scale
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


def _objects_of(target: LabelTarget) -> NDArray[np.int32]:
    """One number per object; where the annotation tells none apart, connected pixels are one.

    A piece next to pixels that nobody annotated may be a stroke within an object: it says nothing
    of the object's size and is left out.
    """
    if target.instances is not None:
        return target.instances
    pieces = np.asarray(ndimage.label(target.valid & (target.classes > 0))[0], np.int32)
    open_ended = np.unique(pieces[ndimage.binary_dilation(~target.valid)])
    return np.where(np.isin(pieces, open_ended), np.int32(0), pieces)


def _diameters_px(labels: NDArray[np.int32]) -> NDArray[np.float64]:
    """The diameter of the disc of equal area, per object that does not touch the edge."""
    numbers, areas = np.unique(labels, return_counts=True)
    edges = np.unique(np.concatenate([labels[[0, -1]].ravel(), labels[:, [0, -1]].ravel()]))
    whole = (numbers > 0) & (areas >= _SPECKS_PX) & ~np.isin(numbers, edges)
    return np.asarray(np.sqrt(4 * areas[whole] / np.pi), np.float64)


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
