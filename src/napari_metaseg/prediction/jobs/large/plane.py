"""The results of one plane on disk: what networks said, at their scale, and the objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.datasets.resize import resize_window
from napari_metaseg.prediction.jobs.large.grid import DiskGrid
from napari_metaseg.prediction.objects.block_view import Area
from napari_metaseg.prediction.objects.instances import classes_from_probability


@dataclass(frozen=True)
class Derived:
    """An array (..., Y, X) of which every part is computed when it is asked for."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    part: Callable[[Area], NDArray[Any]]

    @property
    def ndim(self) -> int:
        """The number of its axes."""
        return len(self.shape)

    def __getitem__(self, area: tuple[slice, ...]) -> NDArray[Any]:
        """A part; all of the axes before rows and columns, or slices of them."""
        rows, columns = area[-2:]
        return self.part((rows, columns))[area[:-2]]


@dataclass(frozen=True)
class LargePlane:
    """One plane of (Y, X) `shape`.

    `said` (K, y, x) is the probability and, with `has_depth`, the depth, on the networks' grid;
    `labels` (Y, X) are the objects. Nothing else is kept: the rest follows from these.
    """

    shape: tuple[int, int]
    said: DiskGrid
    labels: DiskGrid
    has_depth: bool

    @property
    def channels(self) -> int:
        """How many channels the probability has."""
        return self.said.shape[0] - self.has_depth

    @property
    def probability(self) -> Derived:
        """(K, Y, X) on the plane's own grid."""
        shape = (self.channels, *self.shape)
        return Derived(shape, np.dtype(np.float32), lambda a: self._read(a)[: self.channels])

    @property
    def depth(self) -> Derived | None:
        """(Y, X), where the model tells it."""
        if not self.has_depth:
            return None
        return Derived(self.shape, np.dtype(np.float32), lambda area: self._read(area)[-1])

    @property
    def classes(self) -> Derived:
        """(Y, X), see `classes_from_probability`."""
        read = self.probability.part
        return Derived(
            self.shape, np.dtype(np.uint8), lambda area: classes_from_probability(read(area))
        )

    def _read(self, area: Area) -> NDArray[np.float32]:
        height, width = self.said.shape[-2:]
        return resize_window(lambda y, x: self.said[y, x], (height, width), self.shape, *area)
