"""How wide the annotated objects of a plane are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_metaseg.datasets.labels import LabelTarget

MOST_WIDTHS = 128
_SPECKS_PX = 9
"""Objects of fewer pixels are noise of the prediction, or cells hardly seen."""


@dataclass(frozen=True)
class ObjectWidths:
    """Diameters in pixels of a plane's objects, ascending, and how many objects there are.

    Where there are more than `MOST_WIDTHS`, so many of them stand for all, evenly by rank.
    """

    px: NDArray[np.float32]
    objects: int

    @property
    def weight(self) -> float:
        """How many objects each width stands for."""
        return self.objects / max(1, len(self.px))


def measure_widths(target: LabelTarget | None) -> ObjectWidths:
    """The widths of the objects that lie clear of the plane's edge and of what is not annotated."""
    widths = np.empty(0) if target is None else np.sort(diameters_px(_objects_of(target)))
    count = len(widths)
    if count > MOST_WIDTHS:
        ranks = (np.arange(MOST_WIDTHS) + 0.5) * (count / MOST_WIDTHS)
        widths = widths[ranks.astype(np.intp)]
    return ObjectWidths(widths.astype(np.float32), count)


def diameters_px(labels: NDArray[np.int32]) -> NDArray[np.float64]:
    """The diameter of the disc of equal area, per object that does not touch the edge."""
    numbers, areas = np.unique(labels, return_counts=True)
    edges = np.unique(np.concatenate([labels[[0, -1]].ravel(), labels[:, [0, -1]].ravel()]))
    return diameters_of(areas[numbers > 0], np.isin(numbers, edges)[numbers > 0])


def diameters_of(areas: NDArray[np.integer], at_edge: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The same from the area of each object in pixels and whether it touches the edge."""
    whole = areas[(areas >= _SPECKS_PX) & ~at_edge]
    return np.asarray(np.sqrt(4 * whole / np.pi), np.float64)


def weighted_percentiles(
    values: NDArray[np.float64], weights: NDArray[np.float64], percent: tuple[float, ...]
) -> NDArray[np.float64]:
    """Percentiles as if each value were there `weights` times: as `np.percentile` for weights 1."""
    order = np.argsort(values, kind="stable")
    last = np.cumsum(weights[order]) - 1
    first = last - weights[order] + 1
    ranks = np.stack([first, last], axis=1).ravel()
    wanted = np.asarray(percent) / 100 * last[-1]
    return np.interp(wanted, ranks, np.repeat(values[order], 2))


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
