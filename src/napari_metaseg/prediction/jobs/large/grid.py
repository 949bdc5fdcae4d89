"""An array in a file, of which only the asked part is ever in memory."""

from __future__ import annotations

import zlib
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.prediction.objects.block_view import Area


class DiskGrid:
    """An array (..., Y, X) as plain bytes in a file, zeros where nothing was written.

    What was written survives the end of the process, however it comes.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: Any) -> None:
        self.path, self.shape, self.dtype = path, shape, np.dtype(dtype)
        self.ndim = len(shape)
        size = prod(shape) * self.dtype.itemsize
        if not path.exists() or path.stat().st_size != size:
            self.clear()

    def clear(self) -> None:
        """Make all of it zero; takes no room on the disk."""
        with self.path.open("wb") as file:
            file.truncate(prod(self.shape) * self.dtype.itemsize)

    def __getitem__(self, area: Area) -> NDArray[Any]:
        """The values (..., y, x) of an area."""
        # Mapped anew each time, so that no more of the file counts as this process's memory.
        whole = np.memmap(self.path, self.dtype, "r", shape=self.shape)
        return np.array(whole[(..., *area)])

    def __setitem__(self, area: Area, values: NDArray[Any]) -> None:
        """Write the values (..., y, x) of an area."""
        rows, columns = area
        values = np.ascontiguousarray(values, self.dtype)
        height, width = self.shape[-2:]
        # Written, not mapped: a disk that is full is an error then, and no end of the process.
        with self.path.open("r+b") as file:
            for number, place in enumerate(product(*map(range, self.shape[:-2]))):
                plane = values[place]
                for row in range(rows.start, rows.stop):
                    start = (number * height + row) * width + columns.start
                    file.seek(start * self.dtype.itemsize)
                    file.write(plane[row - rows.start].data)

    def checksum(self, area: Area, before: int = 0) -> int:
        """A checksum of an area, following that of another one."""
        return zlib.crc32(self[area].data, before)
