"""The full resolution of an NGFF image: which array, which axes, how large a pixel is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_metaseg.errors import InputError
from napari_metaseg.images.zarr.stored import Json, StoredArray, inside, objects, read_array

_OLD_AXES = "tczyx"
_MOST_PLANES, _MOST_CHANNELS = 1_000_000, 10_000


@dataclass(frozen=True)
class Multiscale:
    """The image of the group at `folder`.

    `stored_axes` are letters TCZYX in the order of the array; `scale` and `units` are by letter, as
    the file states them.
    """

    folder: Path
    array: StoredArray
    stored_axes: str
    scale: Mapping[str, float]
    units: Mapping[str, str]
    name: str


def read_multiscale(folder: Path, attributes: Json) -> Multiscale:
    """The image in a group. Raises `InputError` where its metadata are damaged or no image's."""
    entries = objects(attributes.get("multiscales"))
    datasets = objects(entries[0].get("datasets")) if entries else []
    if not datasets:
        raise InputError(f"{folder} describes no image", got="no multiscales with datasets")
    entry, dataset = entries[0], datasets[0]
    array = read_array(inside(folder, dataset.get("path")))
    axes, units = _axes(folder, entry, len(array.shape))
    sizes = dict(zip(axes, array.shape, strict=True))
    planes = math.prod(n for a, n in sizes.items() if a not in "YX")
    if planes > _MOST_PLANES or sizes.get("C", 1) > _MOST_CHANNELS:
        raise InputError(f"{folder} describes an impossible image", got=f"shape {array.shape}")
    scales = [_scale(dataset, len(axes)), _scale(entry, len(axes))]
    factors = [math.prod(s[i] for s in scales) for i in range(len(axes))]
    stated = any(objects(part.get("coordinateTransformations")) for part in (dataset, entry))
    scale = dict(zip(axes, factors, strict=True)) if stated else {}
    return Multiscale(folder, array, axes, scale, units, _text(entry.get("name")))


def _axes(folder: Path, entry: Json, count: int) -> tuple[str, dict[str, str]]:
    """The letters of the array's axes, and the units that are stated. NGFF 0.1 to 0.5."""
    value = entry.get("axes")
    if value is None:
        letters = _OLD_AXES[len(_OLD_AXES) - count :] if count <= len(_OLD_AXES) else ""
        return _checked(folder, letters.upper(), count), {}
    listed = value if isinstance(value, list) else []
    names = [_text(a.get("name")) if isinstance(a, dict) else _text(a) for a in listed]
    units = {
        name.upper(): _text(axis.get("unit"))
        for name, axis in zip(names, listed, strict=True)
        if isinstance(axis, dict) and axis.get("unit")
    }
    letters = "".join(n.upper() if len(n) == 1 else "?" for n in names)
    return _checked(folder, letters, count), units


def _checked(folder: Path, letters: str, count: int) -> str:
    known = set(letters) <= set("TCZYX") and {"Y", "X"} <= set(letters)
    if not known or len(letters) != count or len(set(letters)) != count:
        raise InputError(
            f"{folder} has axes that are no image's",
            got=f"{letters.lower()!r} for {count} dimensions",
            way_out="Save it with the axes t, c, z, y, x",
        )
    return letters


def _scale(part: Json, count: int) -> list[float]:
    """The scale of `coordinateTransformations`, or ones."""
    for transformation in objects(part.get("coordinateTransformations")):
        values = transformation.get("scale")
        if not isinstance(values, list) or len(values) != count:
            continue
        if all(_finite(v) for v in values):
            return [float(v) for v in values]
    return [1.0] * count


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value < 1e300


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
