"""A plane of an image file that is never held whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_metaseg.datasets.inputs import as_raw
from napari_metaseg.datasets.items import plane_shape
from napari_metaseg.datasets.pixels import Raw
from napari_metaseg.images.protocol import ImageSource


@dataclass(frozen=True)
class SourcePlane:
    """The chosen channels of one plane of an image, read region by region when asked for."""

    source: ImageSource
    channels: tuple[int, ...]
    z: int = 0
    t: int = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, Y, X)."""
        return len(self.channels), *plane_shape(self.source)

    def read(self, rows: slice, columns: slice) -> Raw:
        """Some rows and columns (C, y, x) as `raw_plane` has them."""
        place = {"z": self.z, "t": self.t}
        parts = (self.source.region(rows, columns, c=c, **place) for c in self.channels)
        return np.stack([as_raw(part) for part in parts])
