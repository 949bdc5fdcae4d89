"""Open a Yokogawa CellVoyager measurement (CV7000, CV8000): one image per well and field.

Any of its `.mlf`, `.mrf` and `.mes` files can be given, or their folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from napari_metaseg.acquisition.record import Conflict
from napari_metaseg.errors import InputError
from napari_metaseg.images.ome.node import to_number
from napari_metaseg.images.page_file import PlaneFile, page_form
from napari_metaseg.images.plates.wells import numbered, well_name
from napari_metaseg.images.plates.yokogawa_index import (
    Measurement,
    Plane,
    find_mlf,
    read_measurement,
)
from napari_metaseg.images.plates.yokogawa_record import Czt, field_record
from napari_metaseg.images.protocol import ImageSource, WellField
from napari_metaseg.images.without_pixels import (
    Described,
    ImageOfFiles,
    Surroundings,
    plane_axes,
    with_absent,
)

__all__ = ["find_mlf", "open_yokogawa"]


def open_yokogawa(path: Path) -> tuple[ImageSource, ...]:
    """The images of a measurement by row, column and field. Reads no pixels.

    Raises `InputError` where its list of planes is not there, or one of its files is damaged.
    """
    mlf = find_mlf(path)
    if mlf is None:
        got = "no .mlf file beside it"
        way_out = "Put the measurement's .mlf, .mrf and .mes into one folder"
        raise InputError(f"cannot tell what {path} belongs to", got=got, way_out=way_out)
    measurement = read_measurement(mlf)
    places: dict[tuple[int, int, int], list[Plane]] = {}
    for plane in measurement.planes:
        places.setdefault((plane.row, plane.column, plane.field), []).append(plane)
    around = Surroundings(mlf)
    return tuple(
        _open_field(measurement, planes, number, around)
        for number, (_, planes) in enumerate(sorted(places.items()))
    )


def _open_field(
    measurement: Measurement, listed: list[Plane], number: int, around: Surroundings
) -> ImageOfFiles:
    planes, doubles = _placed(listed)
    files = {
        czt: PlaneFile(_file(measurement, plane.file, around))
        for czt, plane in planes.items()
        if plane.file
    }
    sizes = {axis: 1 + max(czt[i] for czt in planes) for i, axis in enumerate("CZT")}
    form, dtype = _form(measurement, listed[0], files, around)
    axes, shape = plane_axes(sizes | form, measurement.path)
    notices = [
        Conflict((), f"{name} is not there: what it says is not known")
        for name in measurement.absent
    ]
    if doubles:
        message = f"{doubles} images stand where another one stands; the first of each is shown"
        notices.append(Conflict((), message))
    count = sizes["C"] * sizes["Z"] * sizes["T"]
    record = field_record(measurement, planes)
    record = with_absent(record, files.values(), count, around, notices)
    well = well_name(listed[0].row, listed[0].column, measurement.path)
    plate = measurement.plate.get("Title", "")
    position = WellField(plate, well, listed[0].field)
    name = f"{well} field {listed[0].field}"
    described = Described(measurement.path, name, axes, shape, dtype, record, number, position)
    return ImageOfFiles(described, files, _original(measurement, planes))


def _placed(listed: list[Plane]) -> tuple[dict[Czt, Plane], int]:
    """The planes by channel, z and time as counted from 0, and how many stand twice."""
    channels = numbered(plane.channel for plane in listed)
    depths = numbered(plane.z for plane in listed)
    times = {t: i for i, t in enumerate(sorted({plane.time for plane in listed}))}
    planes: dict[Czt, Plane] = {}
    for plane in listed:
        planes.setdefault((channels[plane.channel], depths[plane.z], times[plane.time]), plane)
    return planes, len(listed) - len(planes)


def _file(measurement: Measurement, name: str, around: Surroundings) -> Path:
    """The plane's file, with the prefix of the measurement's own files where it has one."""
    path = around.file(name)
    prefixed = path.with_name(measurement.prefix + path.name)
    return prefixed if measurement.prefix and around.has(prefixed) else path


def _form(
    measurement: Measurement,
    plane: Plane,
    files: Mapping[Czt, PlaneFile],
    around: Surroundings,
) -> tuple[dict[str, int], np.dtype[np.generic]]:
    """Height and width, and the type: as the `.mrf` says, else as the first file there has it."""
    pixels = measurement.pixels.get(plane.channel, {})
    height, width, bits = (
        to_number(pixels.get(name, "")) or 0
        for name in ("VerticalPixels", "HorizontalPixels", "InputBitDepth")
    )
    if height and width:
        sizes = {"Y": int(height), "X": int(width)}
        return sizes, np.dtype(np.uint8 if 0 < bits <= 8 else np.uint16)
    there = next((file for file in files.values() if around.has(file.path)), None)
    if there is None:
        return {}, np.dtype(np.uint16)
    shape, dtype = page_form(there)
    return dict(zip("YX", shape, strict=True)) if len(shape) == 2 else {}, dtype


def _original(measurement: Measurement, planes: Mapping[Czt, Plane]) -> dict[str, str]:
    """What the three files say of this field, in their own words."""
    said = {".mrf MeasurementDetail": measurement.plate}
    for number in dict.fromkeys(plane.channel for _, plane in sorted(planes.items())):
        said[f".mrf MeasurementChannel[Ch={number}]"] = measurement.pixels.get(number, {})
        said[f".mes Channel[Ch={number}]"] = measurement.channels.get(number, {})
    said |= {f".mlf {plane.file}": plane.attributes for _, plane in sorted(planes.items())}
    return {
        name: "\n".join(f"{key}: {text}" for key, text in attributes.items())
        for name, attributes in said.items()
        if attributes
    }
