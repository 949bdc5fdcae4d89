"""Pixels on their way into an OME-Zarr: in NGFF's order, with their record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.record import AcquisitionRecord
from napari_metaseg.errors import InputError
from napari_metaseg.images.protocol import ImageSource

if TYPE_CHECKING:
    import dask.array

Writable: TypeAlias = "NDArray[Any] | dask.array.Array | ImageSource"
"""An array in memory, one that is computed when it is written, or an opened image."""

_ORDER = "TCZYX"


class Pixels:
    """A dask array in the order TCZYX without axes of length 1, colours as three channels."""

    def __init__(self, pixels: Any, axes: str, record: AcquisitionRecord) -> None:
        self.record, self.colour = record, "S" in axes
        order = [a for a in _ORDER if a in axes]
        if self.colour:
            order.insert(order.index("T") + 1 if "T" in order else 0, "S")
        pixels = pixels.transpose([axes.index(a) for a in order])
        kept = [i for i, a in enumerate(order) if a in "YX" or pixels.shape[i] != 1]
        self.array = pixels.reshape([pixels.shape[i] for i in kept])
        self.axes = "".join(order[i] for i in kept).replace("S", "C")
        self.sizes: dict[str, int] = dict(zip(self.axes, self.array.shape, strict=True))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the pixels."""
        return np.dtype(self.array.dtype)

    def size_um(self, axis: str) -> float | None:
        """The size of a pixel along an axis, where the record knows it."""
        value = self.record.get(f"pixel_size_{axis.lower()}_um").value
        return float(value) if axis in "ZYX" and isinstance(value, float | int) else None

    def scale(self) -> dict[str, float]:
        """NGFF's scale: µm where the size is known, else 1 without a unit."""
        return {a.lower(): self.size_um(a) or 1.0 for a in self.axes}

    def units(self) -> dict[str, str]:
        """The units of the axes whose scale is known."""
        return {a.lower(): "micrometer" for a in self.axes if self.size_um(a)}


def prepare(image: Writable, axes: str, record: AcquisitionRecord | None) -> Pixels:
    """An array with `axes`, or an opened image, made ready. Raises `InputError` for bad axes."""
    import dask.array as da

    if isinstance(image, np.ndarray | da.Array):
        if image.dtype.kind not in "buif":
            raise InputError("cannot write these pixels as OME-Zarr", got=str(image.dtype))
        _check_axes(image.shape, axes)
        lazy = image if isinstance(image, da.Array) else da.from_array(image)
        return Pixels(lazy, axes, record or AcquisitionRecord())
    if not {"Y", "X"} <= set(image.axes):
        raise InputError(f"cannot write {image.name} as OME-Zarr", got=f"axes {image.axes}")
    return Pixels(image.dask(), image.axes, record or image.record)


def _check_axes(shape: tuple[int, ...], axes: str) -> None:
    problem = ""
    if len(axes) != len(shape) or 0 in shape:
        problem = f"{len(axes)} axes for shape {shape}"
    elif len(set(axes)) != len(axes) or set(axes) - set("TCZYXS") or not set("YX") <= set(axes):
        problem = f"axes {axes!r}: letters that repeat, are unknown, or lack Y or X"
    elif "S" in axes and (axes[-1] != "S" or shape[-1] != 3 or "C" in axes):
        problem = "an S that is not the last dimension of length 3, or beside C"
    if problem:
        way_out = "Name each dimension once out of TCZYX, and S last for red, green, blue"
        raise InputError("cannot write these pixels as OME-Zarr", got=problem, way_out=way_out)
