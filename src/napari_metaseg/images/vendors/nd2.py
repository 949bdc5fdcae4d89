"""Nikon ND2: pixels through the `nd2` library, one scene for each stage position."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.images.protocol import plain_stem
from napari_metaseg.images.vendors.nd2_chunks import check_frames, frame_chunks
from napari_metaseg.images.vendors.nd2_record import original_texts, read_record
from napari_metaseg.images.vendors.source import (
    Parts,
    PlaneReader,
    VendorImage,
    check_extent,
    damaged,
    images_of,
    named_errors,
)

if TYPE_CHECKING:
    from nd2 import ND2File

_KIND = "Nikon ND2"
_PLANE_AXES = "TZP"
_MOST_FRAMES = 10_000_000


def open_nd2(path: Path) -> tuple[VendorImage, ...]:
    """The images of an ND2 file, one for each stage position; reads no pixels.

    Raises `InputError` for a damaged file, or one with loops other than position, time and z.
    """
    import nd2

    with named_errors(path, _KIND), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frames = frame_chunks(path)
        with nd2.ND2File(path) as file:
            return images_of(path, _scenes(path, file, frames), _KIND)


def _scenes(path: Path, file: ND2File, frames: Mapping[int, int]) -> list[Parts]:
    sizes = dict(file.sizes)
    odd = set(sizes) - set("TZPCYXS")
    if odd:
        raise damaged(path, _KIND, f"an unknown loop {', '.join(sorted(odd))}")
    within = (sizes["Y"], sizes["X"], sizes.get("C", 1), sizes.get("S", 1))
    check_extent(path, _KIND, within, file.dtype.itemsize)
    numbers = _frame_numbers(file, sizes)
    check_frames(path, frames, int(numbers.max()))
    axes = "".join(a for a in "TCZ" if sizes.get(a, 1) > 1) + "YX" + ("S" if "S" in sizes else "")
    reader = _Reader(path, file, frames, "".join(sizes), _stored_bytes(file), threading.Lock())
    parts = []
    for position in range(sizes.get("P", 1)):
        scene = numbers[:, :, position]
        parts.append(
            Parts(
                name=_name(path, file, position, sizes.get("P", 1)),
                axes=axes,
                shape=tuple(3 if a == "S" else sizes[a] for a in axes),
                dtype=file.dtype,
                record=read_record(file, scene, sizes),
                read=reader.scene(scene),
                original=reader.original,
            )
        )
    return parts


def _frame_numbers(file: ND2File, sizes: Mapping[str, int]) -> NDArray[np.int64]:
    """The number of the stored frame of each (t, z, position)."""
    shape = tuple(sizes.get(a, 1) for a in _PLANE_AXES)
    if int(np.prod(shape, dtype=object)) > _MOST_FRAMES:
        raise ValueError(f"{shape} frames, more than any file holds")
    numbers = np.full(shape, -1, np.int64)
    for number, where in enumerate(file.loop_indices):
        numbers[tuple(where.get(a, 0) for a in _PLANE_AXES)] = number
    if (numbers < 0).any():
        raise ValueError("frames whose place is not stated")
    return numbers


def _name(path: Path, file: ND2File, position: int, count: int) -> str:
    """The file's stem, with the position's own name or number where there are several."""
    if count == 1:
        return plain_stem(path)
    for loop in file.experiment:
        if loop.type == "XYPosLoop" and position < len(loop.parameters.points):
            name = (loop.parameters.points[position].name or "").strip()
            return f"{plain_stem(path)} {name or position + 1}"
    return f"{plain_stem(path)} {position + 1}"


@dataclass(frozen=True)
class _Reader:
    """Reads frames out of a file that is open only meanwhile; `lock` guards it.

    `frames` says where each frame lies, `stored` how many bytes an uncompressed one takes (0: the
    frames are compressed), `axes` what a frame has.
    """

    path: Path
    file: ND2File
    frames: Mapping[int, int]
    axes: str
    stored: int
    lock: threading.Lock

    def scene(self, numbers: NDArray[np.int64]) -> PlaneReader:
        """The reader of the scene whose frames have these numbers (t, z)."""

        def read(c: int, z: int, t: int) -> NDArray[Any]:
            frame = self._frame(int(numbers[t, z]))
            plane = frame[c] if "C" in self.axes else frame
            return plane[..., :3] if "S" in self.axes else plane

        return read

    def original(self) -> dict[str, str]:
        """What the file says, in its own words."""
        with self._opened() as file:
            return original_texts(file)

    def _frame(self, number: int) -> NDArray[Any]:
        with self._opened() as file:
            check_frames(self.path, self.frames, number, only=number, size=self.stored)
            return np.array(file.read_frame(number))

    @contextmanager
    def _opened(self) -> Iterator[ND2File]:
        with self.lock:
            self.file.open()
            try:
                yield self.file
            finally:
                self.file.close()


def _stored_bytes(file: ND2File) -> int:
    attributes = file.attributes
    if attributes.compressionType:
        return 0
    return int(attributes.heightPx) * int(attributes.widthBytes or 0)
