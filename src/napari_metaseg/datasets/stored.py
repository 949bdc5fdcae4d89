"""Planes that stay on disk: opened by path, read when asked for, in any process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from napari_metaseg.acquisition.cohort import LabelKind
from napari_metaseg.datasets.inputs import raw_plane
from napari_metaseg.datasets.labels import LabelTarget, convert_labels
from napari_metaseg.datasets.pixels import Raw
from napari_metaseg.errors import InputError
from napari_metaseg.images.labels import labels_of
from napari_metaseg.images.open import open_images, pick_image
from napari_metaseg.images.protocol import ImageSource
from napari_metaseg.images.sidecar import sidecar_path

_KEPT_OPEN = 8


@dataclass(frozen=True)
class StoredLabels:
    """Where one plane's labels stand, and what their numbers mean."""

    path: Path
    kind: LabelKind
    z: int = 0
    t: int = 0


@dataclass(frozen=True)
class StoredPlane:
    """Some channels of one plane of an image file, and its labels.

    `shape` is (Y, X) as the file said when the cohort was opened: labels of another one are
    refused, and so is an image that has changed since.
    """

    path: Path
    scene: str
    channels: tuple[int, ...]
    shape: tuple[int, int]
    z: int = 0
    t: int = 0
    labels: StoredLabels | None = None

    def image(self) -> Raw:
        """The chosen channels, read now."""
        image = raw_plane(opened(self.path, self.scene), self.channels, z=self.z, t=self.t)
        _check_shape(self.path, image.shape[-2:], self.shape)
        return image

    def target(self) -> LabelTarget | None:
        """The annotation, read now."""
        place = self.labels
        if place is None:
            return None
        numbers = labels_of(opened(place.path), z=place.z, t=place.t)
        _check_shape(place.path, numbers.shape, self.shape)
        return convert_labels(numbers, place.kind)

    def key(self) -> str:
        """A digest of where the plane and its labels are, with size and time of the files."""
        own = (self.scene, self.channels, self.z, self.t)
        parts = [str(self.path.resolve()), *map(str, own), *map(str, stamp(self.path))]
        if self.labels is not None:
            place = self.labels
            parts += [str(place.path.resolve()), place.kind, str(place.z), str(place.t)]
            parts += map(str, stamp(place.path))
        return sha256("|".join(parts).encode()).hexdigest()[:32]


def opened(path: Path, scene: str = "") -> ImageSource:
    """The image of a file, opened without reading pixels; the latest few files are kept.

    A file that has changed, or whose sidecar has, is opened anew. Readers hold no file open and may
    be shared by threads.
    """
    return pick_image(opened_scenes(path), scene)


def opened_scenes(path: Path) -> tuple[ImageSource, ...]:
    """Every image of a file; see `opened`."""
    return _scenes(path, stamp(path), stamp(sidecar_path(path)))


@lru_cache(maxsize=_KEPT_OPEN)
def _scenes(path: Path, *_stamps: tuple[int, int]) -> tuple[ImageSource, ...]:
    return open_images(path)


def stamp(path: Path) -> tuple[int, int]:
    """Size and time of change, both 0 where there is no such file."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _check_shape(path: Path, found: tuple[int, ...], wanted: tuple[int, int]) -> None:
    if found != wanted:
        raise InputError(
            f"{path.name} has another size than when the cohort was opened",
            got=f"{' x '.join(map(str, found))} instead of {wanted[0]} x {wanted[1]} (y, x)",
        )
