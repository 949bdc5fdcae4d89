"""The plane a network sees: which channels, RGB to luminance, and the plane's own condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.condition import Condition, condition_values, derive_condition
from napari_metaseg.acquisition.record import Value
from napari_metaseg.acquisition.statements import overrule
from napari_metaseg.datasets.pixels import Raw, compact
from napari_metaseg.errors import InputError
from napari_metaseg.images.protocol import ImageSource

_LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Weights of linear R, G, B in luminance: ITU-R BT.709-6, section 3.2."""


def input_plane(
    source: ImageSource, channels: tuple[int, ...], *, z: int = 0, t: int = 0
) -> NDArray[np.float32]:
    """The chosen channels of one plane as (C, Y, X) raw intensities; RGB becomes luminance."""
    return raw_plane(source, channels, z=z, t=t).astype(np.float32, copy=False)


def raw_plane(source: ImageSource, channels: tuple[int, ...], *, z: int = 0, t: int = 0) -> Raw:
    """The same plane in the type that it is kept in, see `Raw`."""
    return np.stack([as_raw(source.plane(c=c, z=z, t=t)) for c in channels])


def as_raw(plane: NDArray[Any]) -> Raw:
    """A (Y, X) or (Y, X, S) plane, or a part of one, as (Y, X) in the type that it is kept in."""
    return compact(plane) if plane.ndim == 2 else as_grey(plane)


def as_grey(plane: NDArray[np.generic]) -> NDArray[np.float32]:
    """A (Y, X) or (Y, X, S) plane as (Y, X) float32; S = 3 or 4 samples become luminance."""
    if plane.ndim == 2:
        return plane.astype(np.float32)
    if plane.ndim == 3 and plane.shape[-1] in (3, 4):
        return plane[..., :3].astype(np.float32) @ np.asarray(_LUMINANCE, np.float32)
    raise InputError("an image plane must be grey or RGB", got=f"shape {plane.shape}")


def choose_channels(source: ImageSource, wanted: str, count: int) -> tuple[int, ...]:
    """The indices that `wanted` names (indices or names joined by `;`), `count` of them.

    Empty means the first channel if one is needed, or all of them if their number fits. Raises
    `InputError` for an unknown name or a number of channels that the network cannot take.
    """
    available = source.size("C")
    if not wanted:
        chosen = (0,) if count == 1 else tuple(range(available))
    else:
        chosen = tuple(_channel_index(source, part.strip()) for part in wanted.split(";"))
    if len(chosen) != count:
        raise InputError(
            f"{source.name} gives {len(chosen)} channels",
            got=f"a network of {count}",
            way_out=f"Choose {count} in the cohort column 'channel', such as "
            + ";".join(str(i) for i in range(count)),
        )
    return chosen


def _channel_index(source: ImageSource, name: str) -> int:
    available = source.size("C")
    names = [channel.name for channel in source.record.channels]
    if name in names:
        return names.index(name)
    if name.isdigit() and int(name) < available:
        return int(name)
    known = ", ".join(filter(None, names)) or "none named"
    raise InputError(
        f"{source.name} has no channel {name!r}",
        got=f"{available} channel(s): {known}",
        way_out="Give an index from 0, or one of the names",
    )


def plane_condition(
    source: ImageSource, stated: Mapping[str, Value], *, c: int = 0, z: int = 0, t: int = 0
) -> Condition:
    """What is known of one plane; `stated` (an edit, `--set`, a cohort cell) wins over the file."""
    record = overrule(source.record, stated) if stated else source.record
    return condition_values(derive_condition(record, c=c, z=z, t=t))
