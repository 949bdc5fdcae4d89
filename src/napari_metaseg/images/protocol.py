"""What every image on disk offers, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.record import AcquisitionRecord
from napari_metaseg.errors import InputError

if TYPE_CHECKING:
    import dask.array


def numbering_axes(axes: str) -> str:
    """The axes that number an image's planes: TC of "TCYX", C of the vertical scan "CZX"."""
    return axes.removesuffix("S")[:-2]


def plain_stem(path: Path) -> str:
    """The file's name without ".tif", ".png" and the like, and without ".ome" before it."""
    return path.stem[:-4] if path.stem.lower().endswith(".ome") else path.stem


@dataclass(frozen=True)
class WellField:
    """Where on a plate an image was taken: a well such as "B03", and the field's number in it."""

    plate: str
    well: str
    field: int


class ImageSource(Protocol):
    """One image (scene) of a file; opening it reads no pixels.

    `axes` is in the order TCZYX, holds only the axes that the image has (an axis of length 1 other
    than Y and X is left out), and ends with S for an image of red, green and blue samples. A
    vertical scan has Z in the place of Y: axes such as "CZX", whose planes are (Z, X).
    """

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def name(self) -> str:
        """The image's own name, else the file's stem."""

    @property
    def axes(self) -> str:
        """For instance "CZYX", "YX" or "YXS"."""

    @property
    def shape(self) -> tuple[int, ...]:
        """One length per letter of `axes`."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the pixels, in this machine's byte order."""

    @property
    def record(self) -> AcquisitionRecord:
        """How the image was taken, as far as the file says."""

    @property
    def position(self) -> WellField | None:
        """The place on a plate, or None for an image that is of no plate."""

    def original_metadata(self) -> Mapping[str, str]:
        """What the file says, in its own words: a name such as "OME-XML" → the text."""

    def size(self, axis: str) -> int:
        """The length of an axis, 1 where the image does not have it."""

    def plane(self, c: int = 0, z: int = 0, t: int = 0) -> NDArray[Any]:
        """One plane, (Y, X) or (Y, X, 3); reads that plane alone.

        Raises `InputError` where the image has no such plane or its pixels cannot be read.
        """

    def region(
        self, rows: slice, columns: slice, c: int = 0, z: int = 0, t: int = 0
    ) -> NDArray[Any]:
        """Some rows and columns of a plane, as `plane` gives them; slices have a start and a stop.

        Reads little more than that where the format allows it, else the plane, which is kept for
        the next region of it. Raises `InputError` as `plane` does.
        """

    def dask(self) -> dask.array.Array:
        """The whole image in the order of `axes`, one chunk per plane, read on demand."""


class PlanewiseImage:
    """The part of `ImageSource` that follows from `axes`, `shape` and a way to read one plane.

    A subclass sets the attributes and the record, and writes `_read(c, z, t)`; where it can read
    less than a plane, `_read_region` too. A copy in another process opens the same image again, by
    path and scene number.
    """

    path: Path
    name: str
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scene_index: int = 0
    position: WellField | None = None
    _record: AcquisitionRecord | Callable[[], AcquisitionRecord]
    _kept: tuple[tuple[int, int, int], NDArray[Any]] | None = None

    @property
    def record(self) -> AcquisitionRecord:
        """How the image was taken; a reader may leave the reading of it until it is asked for."""
        if not isinstance(self._record, AcquisitionRecord):
            self._record = self._record()
        return self._record

    @record.setter
    def record(self, record: AcquisitionRecord) -> None:
        self._record = record

    def original_metadata(self) -> Mapping[str, str]:
        """What the file says, in its own words; nothing where a reader does not tell."""
        return {}

    def size(self, axis: str) -> int:
        """The length of an axis, 1 where the image does not have it."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1

    def plane(self, c: int = 0, z: int = 0, t: int = 0) -> NDArray[Any]:
        """One plane, (Y, X) or (Y, X, 3)."""
        self._check_place(c, z, t)
        return self._read(c, z, t)

    def region(
        self, rows: slice, columns: slice, c: int = 0, z: int = 0, t: int = 0
    ) -> NDArray[Any]:
        """Some rows and columns of a plane."""
        self._check_place(c, z, t)
        part = self._read_region(rows, columns, c, z, t)
        if part is not None:
            return part
        if self._kept is None or self._kept[0] != (c, z, t):
            self._kept = None  # before the next is read: two may be too much
            self._kept = (c, z, t), self._read(c, z, t)
        return self._kept[1][rows, columns].copy()

    def _check_place(self, c: int, z: int, t: int) -> None:
        numbering = numbering_axes(self.axes)
        for axis, index in (("C", c), ("Z", z), ("T", t)):
            count = self.size(axis) if axis in numbering else 1
            if not 0 <= index < count:
                raise InputError(
                    f"{self.path.name} has no plane at {axis.lower()} = {index}",
                    got=f"an image with {count} along {axis}",
                    way_out=f"Count {axis.lower()} from 0 to {count - 1}",
                )

    def dask(self) -> dask.array.Array:
        """The whole image in the order of `axes`, one chunk per plane, read on demand."""
        import dask.array as da

        leading = numbering_axes(self.axes)
        chunks = tuple(
            (1,) * n if axis in leading else (n,)
            for axis, n in zip(self.axes, self.shape, strict=True)
        )

        def read(block_id: tuple[int, ...]) -> NDArray[Any]:
            where = {a.lower(): i for a, i in zip(leading, block_id, strict=False)}
            return self.plane(**where)[(None,) * len(leading)]

        meta = np.empty((0,) * len(self.shape), self.dtype)
        return da.map_blocks(
            read, chunks=chunks, dtype=self.dtype, meta=meta, name=self._dask_name()
        )

    def _read(self, c: int, z: int, t: int) -> NDArray[Any]:
        raise NotImplementedError

    def _read_region(
        self, rows: slice, columns: slice, c: int, z: int, t: int
    ) -> NDArray[Any] | None:
        """Some rows and columns of a plane, or None where that takes reading the plane."""
        return None

    def _dask_name(self) -> str:
        from dask.base import tokenize

        modified = self.path.stat().st_mtime_ns
        return f"plane-{tokenize(str(self.path.resolve()), modified, self.scene_index)}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.path, self.scene_index)


def _reopen(path: Path, scene_index: int) -> ImageSource:
    from napari_metaseg.images.open import open_images

    return open_images(path)[scene_index]
