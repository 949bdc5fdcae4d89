"""What the readers of vendors' formats share: one image class, and errors that name the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.record import AcquisitionRecord
from napari_metaseg.errors import InputError
from napari_metaseg.images.damage import DAMAGE
from napari_metaseg.images.protocol import PlanewiseImage

_LARGEST_INFLATION = 1100
"""No lossless codec in use makes more bytes of one (deflate's limit is 1032)."""

PlaneReader = Callable[[int, int, int], NDArray[Any]]


@dataclass(frozen=True)
class Parts:
    """What one image (scene) of a vendor's file is made of; `read(c, z, t)` gives a plane.

    `original` gives the file's own words by name; it is called when they are asked for.
    """

    name: str
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    record: AcquisitionRecord
    read: PlaneReader
    original: Callable[[], Mapping[str, str]] = dict


class VendorImage(PlanewiseImage):
    """One scene of a vendor's file; the file is open only while something is read from it."""

    def __init__(self, path: Path, parts: Parts, scene_index: int, kind: str) -> None:
        self.path, self.scene_index = path, scene_index
        self.name, self.axes, self.shape = parts.name, parts.axes, parts.shape
        self.dtype, self.record = parts.dtype.newbyteorder("="), parts.record
        self._parts, self._kind = parts, kind

    def original_metadata(self) -> Mapping[str, str]:
        """The file's own words by name."""
        with named_errors(self.path, self._kind):
            return self._parts.original()

    def _read(self, c: int, z: int, t: int) -> NDArray[Any]:
        with named_errors(self.path, self._kind):
            plane = self._parts.read(c, z, t)
        expected = tuple(
            n for a, n in zip(self.axes, self.shape, strict=True) if a in _inside(self)
        )
        if plane.shape != expected:
            raise damaged(self.path, self._kind, f"a plane of shape {plane.shape}, not {expected}")
        return np.ascontiguousarray(plane, dtype=self.dtype)


def _inside(image: PlanewiseImage) -> str:
    """The axes within a plane: of a vertical scan Z and X."""
    return "YXS" if "Y" in image.axes else "ZXS"


def images_of(path: Path, parts: list[Parts], kind: str) -> tuple[VendorImage, ...]:
    """One image for each scene; raises `InputError` where there is none."""
    if not parts:
        raise damaged(path, kind, "no image in it")
    return tuple(VendorImage(path, part, i, kind) for i, part in enumerate(parts))


@contextmanager
def named_errors(path: Path, kind: str) -> Iterator[None]:
    """Every complaint of a reader as one `InputError` that names the file."""
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path} is no longer there") from None
    except DAMAGE as error:
        raise damaged(path, kind, str(error) or type(error).__name__) from error


def damaged(path: Path, kind: str, reason: object) -> InputError:
    """The refusal of a file that is no whole file of its kind."""
    return InputError(
        f"{path} is not a readable {kind} file",
        got=str(reason)[:200],
        way_out="It may be truncated or damaged; copy or export the image again",
    )


def check_extent(path: Path, kind: str, shape: tuple[int, ...], itemsize: int) -> None:
    """Raise where a plane claims more bytes than its file can hold, even compressed."""
    claimed = int(np.prod([max(n, 0) for n in shape], dtype=object)) * itemsize
    if min(shape, default=0) < 1 or claimed > path.stat().st_size * _LARGEST_INFLATION:
        size = " x ".join(str(n) for n in shape)
        raise damaged(path, kind, f"a plane of {size}, more than the file can hold")
