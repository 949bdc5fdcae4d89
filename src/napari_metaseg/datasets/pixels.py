"""Where the pixels and labels of one plane come from; nothing is read before it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.datasets.labels import LabelTarget
from napari_metaseg.datasets.resize import resize_image, resize_labels, scaled_shape
from napari_metaseg.errors import InputError

Raw = NDArray[Any]
"""Raw intensities (C, Y, X): small integers as they are stored, all else float32."""


class PlanePixels(NamedTuple):
    """The raw intensities (C, Y, X) of one plane and what its annotation says, if it has one."""

    image: Raw
    target: LabelTarget | None


class PlaneSource(Protocol):
    """Reads one plane, anew each time; can be pickled. Raises `InputError` where it cannot."""

    def image(self) -> Raw:
        """The raw intensities (C, Y, X)."""

    def target(self) -> LabelTarget | None:
        """The annotation, or None where there is none."""

    def key(self) -> str:
        """A text that changes whenever the pixels or labels may have; empty if that is unknown."""


@dataclass(frozen=True, eq=False)
class InMemory:
    """A plane whose pixels are at hand."""

    pixels: Raw
    labels: LabelTarget | None = None

    def image(self) -> Raw:
        """The array itself."""
        return self.pixels

    def target(self) -> LabelTarget | None:
        """The annotation itself."""
        return self.labels

    def key(self) -> str:
        """Nothing tells whether an array was changed."""
        return ""


@dataclass(frozen=True, eq=False)
class WithImage:
    """Another image for a plane; its annotation stays where it is."""

    source: PlaneSource
    pixels: Raw

    def image(self) -> Raw:
        """The other image."""
        return self.pixels

    def target(self) -> LabelTarget | None:
        """The plane's own annotation."""
        return self.source.target()

    def key(self) -> str:
        """See `InMemory`."""
        return ""


@dataclass(frozen=True, eq=False)
class WithTarget:
    """Another annotation for a plane, or none; its image stays where it is."""

    source: PlaneSource
    labels: LabelTarget | None

    def image(self) -> Raw:
        """The plane's own image."""
        return self.source.image()

    def target(self) -> LabelTarget | None:
        """The other annotation."""
        return self.labels

    def key(self) -> str:
        """See `InMemory`."""
        return ""


@dataclass(frozen=True)
class Resized:
    """A plane resized by `factor` as prediction does it, its labels with it."""

    source: PlaneSource
    factor: float

    def image(self) -> Raw:
        """The image on the other grid."""
        image = self.source.image()
        shape = scaled_shape((image.shape[-2], image.shape[-1]), self.factor)
        return image if shape == image.shape[-2:] else resize_image(image, shape)

    def target(self) -> LabelTarget | None:
        """The annotation on the other grid."""
        target = self.source.target()
        if target is None:
            return None
        height, width = target.classes.shape
        shape = scaled_shape((height, width), self.factor)
        if shape == target.classes.shape:
            return target
        instances = target.instances
        return LabelTarget(
            classes=resize_labels(target.classes, shape),
            valid=resize_labels(target.valid, shape),
            instances=None if instances is None else resize_labels(instances, shape),
        )

    def key(self) -> str:
        """That of the plane, and the factor."""
        key = self.source.key()
        return key and f"{key}|{self.factor!r}"


@dataclass(frozen=True)
class Unreadable:
    """A plane whose file could not even be opened, and why."""

    reason: str

    def image(self) -> Raw:
        """Raises `InputError` with the reason."""
        raise InputError(self.reason)

    def target(self) -> LabelTarget | None:
        """Raises `InputError` with the reason."""
        raise InputError(self.reason)

    def key(self) -> str:
        """It may be there next time."""
        return ""


def compact(image: NDArray[Any]) -> Raw:
    """The image as it is kept: integers of up to 16 bits as they are, all else float32."""
    small = image.dtype.kind in "ui" and image.dtype.itemsize <= 2
    return image if small else image.astype(np.float32, copy=False)
