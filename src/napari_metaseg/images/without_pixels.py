"""Images whose planes lie in files of their own, some or all of which may not be there.

Plates, companion files and sets of TIFFs describe pixels that stand elsewhere: what is there can be
seen, what is not is named when it is asked for, and the record is whole either way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.record import AcquisitionRecord, Conflict
from napari_metaseg.errors import InputError
from napari_metaseg.images.page_file import PlaneFile, read_page
from napari_metaseg.images.protocol import ImageSource, PlanewiseImage, WellField

_ORDER = "TCZYX"
_LARGEST_SIDE_PX = 2**31 - 1
MOST_PLANES, _MOST_CHANNELS = 1_000_000, 10_000
_SEPARATORS = re.compile(r"[/\\:\0]")
_WAY_OUT = "Put the pixel files where the index expects them"


PlaneFiles = Mapping[tuple[int, int, int], PlaneFile]
"""(c, z, t) → its file; a plane that the index does not mention is absent."""


@dataclass(frozen=True)
class Described:
    """What an index says of one image."""

    path: Path
    name: str
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    record: AcquisitionRecord
    scene_index: int = 0
    position: WellField | None = None


class ImageOfFiles(PlanewiseImage):
    """An image that an index describes; `files` says where its planes are.

    It goes to another process as it is, without reading the index again. Where no index tells how
    large the planes are, `axes` has no Y and X.
    """

    def __init__(
        self, described: Described, files: PlaneFiles, original: Mapping[str, str] | None = None
    ) -> None:
        self.path, self.name = described.path, described.name
        self.axes, self.shape, self.dtype = described.axes, described.shape, described.dtype
        self.record, self.position = described.record, described.position
        self.scene_index = described.scene_index
        self.files = files
        self._original = original or {}

    def original_metadata(self) -> Mapping[str, str]:
        """What the index says of this image, in its own words."""
        return self._original

    def _read(self, c: int, z: int, t: int) -> NDArray[Any]:
        file = self.files.get((c, z, t))
        if file is None:
            raise InputError(
                f"{self.path.name} names no pixel file for c = {c}, z = {z}, t = {t} of {self.name}"
            )
        if not file.path.is_file():
            got = f"no file {file.path}"
            what = f"{self.path.name} has no pixels at c = {c}, z = {z}, t = {t} of {self.name}"
            raise InputError(what, got=got, way_out=_WAY_OUT)
        return _fitting(read_page(file), self, file)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.__dict__)


def has_pixels(image: ImageSource) -> bool:
    """Whether at least one plane of the image can be read; looks for files, and opens none."""
    if not isinstance(image, ImageOfFiles):
        return True
    return "Y" in image.axes and any(file.path.is_file() for file in image.files.values())


def files_of(image: ImageSource) -> Iterator[Path]:
    """The file (or folder) that was opened, and the files that hold its planes if they are more."""
    yield image.path
    if isinstance(image, ImageOfFiles):
        yield from (file.path for file in image.files.values())


def plane_axes(sizes: Mapping[str, int], path: Path) -> tuple[str, tuple[int, ...]]:
    """Axes in the order TCZYX without those of length 1, and their lengths.

    Raises `InputError` for lengths that no image has.
    """
    planes = 1
    for axis, length in sizes.items():
        planes *= 1 if axis in "YX" else length
        most = _MOST_CHANNELS if axis == "C" else _LARGEST_SIDE_PX
        if not 0 < length <= most or planes > MOST_PLANES:
            raise InputError(
                f"{path} describes an impossible image",
                got=", ".join(f"{a} = {n}" for a, n in sizes.items()),
                way_out="It may be damaged; copy or export it again",
            )
    axes = "".join(a for a in _ORDER if a in sizes and (a in "YX" or sizes[a] > 1))
    return axes, tuple(sizes[a] for a in axes)


class Surroundings:
    """The files around an index, which it names relative to itself.

    Each folder is looked at once: a plate has tens of thousands of files, and asking for each alone
    takes minutes over a network.
    """

    def __init__(self, index: Path) -> None:
        self._index, self._folder = index, index.parent
        self._names: dict[Path, frozenset[str]] = {}

    def file(self, name: str) -> Path:
        """The path of a file that the index names.

        Raises `InputError` for a name that leads out of the index' folder: an index from elsewhere
        must not make us open any file of this machine.
        """
        if not _SEPARATORS.search(name) and name not in ("", ".", ".."):
            return self._folder / name
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if not parts or ".." in parts or parts[0] == "/" or ":" in name or "\0" in name:
            raise InputError(
                f"{self._index} names a pixel file outside its own folder",
                got=repr(name[:200]),
                way_out="Correct the index, and put its files beside it",
            )
        return self._folder.joinpath(*parts)

    def has(self, path: Path) -> bool:
        """Whether that file is there."""
        plain = path.parent == self._folder
        folder = self._folder if plain else path.parent
        if folder not in self._names:
            self._names[folder] = _names_in(folder)
        return path.name in self._names[folder]


def with_absent(
    record: AcquisitionRecord,
    files: Iterable[PlaneFile],
    planes: int,
    around: Surroundings,
    notices: Iterable[Conflict] = (),
) -> AcquisitionRecord:
    """The record with further `notices`, and with those on absent pixel files.

    `planes` is how many the image has: some may have no file in the index at all.
    """
    named = list(files)
    paths = dict.fromkeys(file.path for file in named)
    absent = [path for path in paths if not around.has(path)]
    found = list(notices)
    if absent:
        message = f"{len(absent)} of {len(paths)} pixel files are not there, such as "
        found.append(Conflict((), message + absent[0].name))
    if len(named) < planes:
        message = f"{planes - len(named)} of {planes} planes have no pixel file in the index"
        found.append(Conflict((), message))
    return replace(record, reported=(*record.reported, *found)) if found else record


def _fitting(pixels: NDArray[Any], image: ImageOfFiles, file: PlaneFile) -> NDArray[Any]:
    """The plane in the image's type. Raises where it is not of the size that the index states."""
    expected = (image.size("Y"), image.size("X")) + ((3,) if "S" in image.axes else ())
    flat = pixels.reshape(expected) if pixels.size == np.prod(expected) == 1 else pixels
    if flat.shape != expected or not np.can_cast(flat.dtype, image.dtype):
        raise InputError(
            f"{file.path} is not the plane that {image.path.name} describes",
            got=f"{flat.dtype} of shape {flat.shape}, not {image.dtype} of shape {expected}",
        )
    return np.ascontiguousarray(flat, dtype=image.dtype)


def _names_in(folder: Path) -> frozenset[str]:
    try:
        return frozenset(path.name for path in folder.iterdir())
    except OSError:
        return frozenset()


def _restored(kind: type[ImageOfFiles], state: Mapping[str, Any]) -> ImageOfFiles:
    image = kind.__new__(kind)
    image.__dict__.update(state)
    return image
