"""Save one layer as OME-TIFF or OME-Zarr, with scale, units and how its image was acquired."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.record import AcquisitionRecord, Field


def write_image(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write an image layer; the path that was written.

    Raises `InputError`, which napari shows, for pixels or a place that cannot be written.
    """
    return _write(path, data, meta, "image")


def write_labels(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a labels layer with the record of its image; the path that was written.

    Into a folder `image.zarr/labels/name.zarr` it becomes labels of that OME-Zarr image. Errors as
    in `write_image`.
    """
    return _write(path, data, meta, "labels")


def _write(path: str, data: Any, meta: dict[str, Any], kind: str) -> list[str]:
    from napari.layers import Layer

    from napari_metaseg.plugin import layers

    own = layers.open_layer(data) or Layer.create(data, meta, kind)
    axes = layers.axes_of(own) + ("S" if meta.get("rgb") else "")
    pixels = np.asarray(data[0] if own.multiscale else data)
    if axes.endswith("S"):
        pixels = pixels[..., :3]
    record = layer_record(own)
    place = Path(path)
    if place.name.lower().endswith(".zarr"):
        return [str(_write_zarr(place, pixels, axes, record, kind))]
    from napari_metaseg.images.write import write_ome_tiff

    names = [record.channel(0).name] if record.channels else []
    write_ome_tiff(place, pixels, axes, record, name=str(meta.get("name", "")), channel_names=names)
    return [str(place)]


def _write_zarr(
    place: Path, pixels: NDArray[Any], axes: str, record: AcquisitionRecord, kind: str
) -> Path:
    from napari_metaseg.images.zarr import write

    if kind == "image":
        write.write_zarr_image(place, pixels, axes, record)
        return place
    inside = place.parent.name == "labels" and place.parent.parent.suffix == ".zarr"
    if inside:
        image, name = place.parent.parent, place.name.removesuffix(".zarr").removesuffix(".ome")
        return write.write_zarr_labels(image, name, pixels, axes, record)
    write.write_zarr_label_image(place, pixels, axes, record)
    return place


def layer_record(layer: Any) -> AcquisitionRecord:
    """What is known of the one channel that a layer shows; of labels, what is known of their image.

    The pixel sizes are those of the layer itself.
    """
    from napari_metaseg.plugin import known, layers

    viewer = layers.current_viewer()
    image = layer if layers.info(layer).get("record") else None
    if image is None and viewer is not None:
        image = layers.image_of(layer, viewer)
    record = AcquisitionRecord()
    if image is not None:
        record = single_channel(known.record_of(image), known.channel_of(image))
    return _calibrated(record, layer)


def single_channel(record: AcquisitionRecord, c: int) -> AcquisitionRecord:
    """The record of an image that has only the channel `c` of another."""
    own = (record.channel(c),) if record.channels else ()
    planes = tuple(replace(plane, c=0) for plane in record.planes if plane.c == c)
    return replace(record, channels=own, planes=planes)


def _calibrated(record: AcquisitionRecord, layer: Any) -> AcquisitionRecord:
    from napari_metaseg.plugin.calibration import expected_steps, pixel_size_um

    known = expected_steps(record)
    fields: dict[str, Field] = dict(record.fields)
    for axis in "XYZ":
        size = pixel_size_um(layer, axis)
        if size is not None and _differs(size, known[axis]):
            fields[f"pixel_size_{axis.lower()}_um"] = Field(size, "user", "layer scale", size)
    return replace(record, fields=fields)


def _differs(size: float, known: float | None) -> bool:
    return known is None or abs(size - known) > 1e-3 * known
