"""One image of an OME-Zarr: planes of its full resolution, read chunk by chunk on demand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.record import AcquisitionRecord
from napari_metaseg.errors import InputError
from napari_metaseg.images.protocol import PlanewiseImage, WellField
from napari_metaseg.images.zarr.label_group import Version
from napari_metaseg.images.zarr.library import reading_zarr, require_zarr
from napari_metaseg.images.zarr.multiscale import Multiscale

_ORDER = "TCZYX"
_LARGE_BYTES = 1 << 30
_MOST_COMPRESSED = 1000


class ZarrImage(PlanewiseImage):
    """An image; a chunk that is not stored has the array's fill value, as zarr has it.

    `path` is the folder that was opened. It goes to another process as it is.
    """

    def __init__(
        self,
        path: Path,
        image: Multiscale,
        record: AcquisitionRecord,
        *,
        colour: bool = False,
        original: Mapping[str, str] | None = None,
    ) -> None:
        self.path, self.name, self.record = path, image.name, record
        sizes = dict(zip(image.stored_axes, image.array.shape, strict=True))
        self._colour = colour and sizes.get("C") == 3
        if self._colour:
            del sizes["C"]
        axes = [a for a in _ORDER if a in sizes and (a in "YX" or sizes[a] > 1)]
        self.axes = "".join(axes) + ("S" if self._colour else "")
        self.shape = tuple(sizes[a] for a in axes) + ((3,) if self._colour else ())
        stored = image.array.dtype
        self.dtype = np.dtype(np.uint8) if stored.kind == "b" else stored
        self._image = image
        self._original = original or {}
        self._array: Any = None

    def place(self, name: str, scene_index: int, position: WellField | None) -> ZarrImage:
        """The same image, as one of several in what was opened."""
        self.name, self.scene_index, self.position = name, scene_index, position
        return self

    @property
    def group(self) -> Path:
        """The folder of the image itself, which may be one of several in what was opened."""
        return self._image.folder

    @property
    def version(self) -> Version:
        """The version of NGFF that goes with the image's zarr format."""
        return "0.5" if self._image.array.zarr_format == 3 else "0.4"

    def original_metadata(self) -> Mapping[str, str]:
        """The group's attributes as JSON, and the OME-XML beside it."""
        return self._original

    def _read(self, c: int, z: int, t: int) -> NDArray[Any]:
        self._check_size()
        return self._read_region(slice(None), slice(None), c, z, t)

    def _read_region(self, rows: slice, columns: slice, c: int, z: int, t: int) -> NDArray[Any]:
        where = {"T": t, "Z": z, "C": slice(None) if self._colour else c, "Y": rows, "X": columns}
        index = tuple(where[a] for a in self._image.stored_axes)
        with reading_zarr(self._image.array.folder):
            pixels = np.asarray(self._opened()[index])
        kept = [a for a in self._image.stored_axes if a in ("CYX" if self._colour else "YX")]
        order = [kept.index(a) for a in ("YXC" if self._colour else "YX")]
        return np.ascontiguousarray(pixels.transpose(order), dtype=self.dtype)

    def _opened(self) -> Any:
        if self._array is None:
            folder = self._image.array.folder
            self._array = require_zarr(self.path).open_array(
                str(folder), mode="r", zarr_format=self._image.array.zarr_format
            )
        return self._array

    def _check_size(self) -> None:
        """Raise for a plane that could not come out of what is stored."""
        wanted = math.prod(self.size(a) for a in "YXS") * self.dtype.itemsize
        if wanted < _LARGE_BYTES:
            return
        files = self._image.array.folder.rglob("*")
        stored = sum(file.stat().st_size for file in files if file.is_file())
        if wanted > _LARGE_BYTES + _MOST_COMPRESSED * stored:
            got = f"planes of {wanted >> 30} GiB, and {stored} bytes stored"
            raise InputError(f"{self._image.array.folder} is incomplete", got=got)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, ({**self.__dict__, "_array": None},)


def _restored(state: Mapping[str, Any]) -> ZarrImage:
    image = ZarrImage.__new__(ZarrImage)
    image.__dict__.update(state)
    return image
