"""Open image files as lazy layers that know how they were acquired."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from napari_metaseg.acquisition.record import AcquisitionRecord
from napari_metaseg.errors import InputError
from napari_metaseg.images.protocol import ImageSource

LayerTuple = tuple[Any, dict[str, Any], str]
_COLOURS = ("gray", "green", "magenta", "cyan", "yellow", "red", "blue")
PATTERNS = (".tif", ".tiff", ".png")


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[LayerTuple]] | None:
    """The reader for one path or several, or None for names it does not take."""
    paths = [path] if isinstance(path, str) else list(path)
    return read if all(str(p).lower().endswith(PATTERNS) for p in paths) else None


def read(path: str | Sequence[str]) -> list[LayerTuple]:
    """The layers of one file or several: one per scene and channel, pixels read when shown.

    Raises `InputError`, which napari shows, for a file that cannot be read.
    """
    from napari_metaseg.images.open import open_images

    paths = [path] if isinstance(path, str) else list(path)
    sources = [source for p in paths for source in open_images(Path(p))]
    if not sources:
        raise InputError("the file holds no image", got=", ".join(map(str, paths)))
    return [layer for source in sources for layer in source_layers(source)]


def source_layers(source: ImageSource, name: str = "") -> list[LayerTuple]:
    """The layers of one image: one per channel, each with the record and its own channel."""
    name = name or source.name
    if "C" not in source.axes or source.size("C") == 1:
        return [_layer(source, name, 0, {})]
    channels = range(source.size("C"))
    return [_layer(source, _channel_name(source, name, c), c, _look(c)) for c in channels]


def _channel_name(source: ImageSource, name: str, channel: int) -> str:
    own = source.record.channel(channel).name or f"channel {channel}"
    return f"{name} · {own}"


def _look(channel: int) -> dict[str, Any]:
    return {"colormap": _COLOURS[(channel + 1) % len(_COLOURS)], "blending": "additive"}


def _layer(source: ImageSource, name: str, channel: int, look: dict[str, Any]) -> LayerTuple:
    from napari_metaseg.plugin.layers import KEY, new_info

    data, axes = source.dask(), source.axes
    if "C" in axes:
        data = data[tuple(channel if axis == "C" else slice(None) for axis in axes)]
    own = axes.replace("C", "").replace("S", "")
    entry = new_info(
        path=str(source.path), scene=source.name, axes=own, channel=channel, record=source.record
    )
    scale, units = scale_and_units(source.record, own)
    options = {
        "name": name,
        "rgb": axes.endswith("S"),
        "scale": scale,
        "units": units,
        "axis_labels": tuple(own.lower()),
        "metadata": {KEY: entry},
    }
    return data, options | look, "image"


def scale_and_units(
    record: AcquisitionRecord, axes: str
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """The scale and unit along each axis: micrometres where the record knows, else pixels."""
    known = [_step_um(record, axis) for axis in axes]
    return tuple(k or 1.0 for k in known), tuple("um" if k else "pixel" for k in known)


def _step_um(record: AcquisitionRecord, axis: str) -> float | None:
    if axis not in "XYZ":
        return None
    value = record.get(f"pixel_size_{axis.lower()}_um").value
    if value is None and axis == "Y":
        value = record.get("pixel_size_x_um").value
    if isinstance(value, float | int):
        return float(value)
    return _z_step_um(record) if axis == "Z" else None


def _z_step_um(record: AcquisitionRecord) -> float | None:
    """The step between planes that the stage positions give, where it is the same throughout."""
    planes = sorted((p for p in record.planes if (p.c, p.t) == (0, 0)), key=lambda p: p.z)
    at = [p.position_z_um for p in planes]
    known = [z for z in at if z is not None]
    if len(known) < 2 or len(known) != len(at):
        return None
    steps = [abs(b - a) for a, b in pairwise(known)]
    even = steps[0] > 0 and max(steps) - min(steps) <= 0.01 * steps[0]
    return round(steps[0], 6) if even else None
