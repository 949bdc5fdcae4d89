"""MetaXpress and MetaMorph: the XML of properties in the description of each TIFF page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    ChannelRecord,
    Conflict,
    Field,
    PlaneRecord,
    Source,
)
from napari_metaseg.acquisition.vocabulary import contrast_from_name
from napari_metaseg.images.ome.instrument import named_magnification
from napari_metaseg.images.ome.node import Node, to_number
from napari_metaseg.images.safe_xml import parse_xml_text
from napari_metaseg.images.units import ms_per_unit, scaled, um_per_unit

_TIME = re.compile(r"([\d.]{1,20})\s*([a-zµ]{1,5})")
_EXPOSURE = re.compile(r"^Exposure:\s*([\d.]{1,20}\s*[a-zµ]{1,5})", re.MULTILINE)
_CAMERA = re.compile(r"^Acquired from ([^\r\n]{1,100}?)(?: Camera)?\r?$", re.MULTILINE)

Czt = tuple[int, int, int]


def read_metaseries(descriptions: Sequence[str], places: Sequence[Czt]) -> AcquisitionRecord:
    """The record of pages with these descriptions, which are the planes at (c, z, t) `places`.

    Raises `ValueError` for a first description that is no MetaSeries XML.
    """
    pages = [_properties(text) for text in descriptions]
    first = pages[0]
    channels: dict[int, ChannelRecord] = {}
    planes = []
    for page, (c, z, t) in zip(pages, places, strict=False):
        channels.setdefault(c, _channel(page))
        position = _position(page)
        if position is not None:
            planes.append(PlaneRecord(c, z, t, position_z_um=position))
    count = max(channels, default=-1) + 1
    return AcquisitionRecord(
        fields=_image_fields(first),
        channels=tuple(channels.get(c, ChannelRecord("")) for c in range(count)),
        planes=tuple(planes),
        reported=_projection(first),
    )


def _properties(text: str) -> dict[str, str]:
    """Every property of the page by its name; `Description` keeps its lines."""
    root = Node(parse_xml_text(text.strip("\0 \r\n")))
    found: dict[str, str] = {}
    for tag in ("prop", "custom-prop"):
        found |= {node.get("id"): node.get("value") for node in root.every(tag)}
    return found


def _stated(
    page: Mapping[str, str], name: str, value: float | str | None, source: Source = "file"
) -> Field:
    if value is None or value == "":
        return Field()
    return Field(value, source, f"PlaneInfo/{name}", original=page[name])


def _number(page: Mapping[str, str], name: str) -> Field:
    value = to_number(page.get(name, ""))
    return _stated(page, name, value if value and value > 0 else None)


def _image_fields(page: Mapping[str, str]) -> dict[str, Field]:
    setting = page.get("_MagSetting_", "") or page.get("ImageXpress Micro Objective", "")
    camera = _CAMERA.search(page.get("Description", ""))
    found = {
        "objective_nominal_magnification": named_magnification(setting, "PlaneInfo/_MagSetting_")
        or Field(),
        "lens_na": _number(page, "_MagNA_"),
        "refractive_index": _number(page, "_MagRI_"),
        "pixel_size_x_um": _pixel_size(page, "spatial-calibration-x"),
        "pixel_size_y_um": _pixel_size(page, "spatial-calibration-y"),
        "acquired_at": _stated(
            page, "acquisition-time-local", page.get("acquisition-time-local", "")
        ),
    }
    if camera:
        found["detector"] = Field(camera[1], "file", "Description", original=camera[0].strip())
    return {name: field for name, field in found.items() if field.known}


def _pixel_size(page: Mapping[str, str], name: str) -> Field:
    """Only of an image that is calibrated (state "on") in a unit of length."""
    unit = page.get("spatial-calibration-units", "")
    value, factor = to_number(page.get(name, "")), um_per_unit(unit)
    if page.get("spatial-calibration-state") != "on" or not value or value < 0 or not factor:
        return Field()
    original = f"{page[name]} {unit}"
    return Field(scaled(value, factor), "file", f"PlaneInfo/{name}", original)


def _position(page: Mapping[str, str]) -> float | None:
    """The height in µm; exactly 0 is what stands where there is no focus drive."""
    return to_number(page.get("z-position", "")) or None


def _channel(page: Mapping[str, str]) -> ChannelRecord:
    name = page.get("_IllumSetting_", "") or page.get("image-name", "")
    disk = page.get("IXConfocal Module Disk", "")
    found = {
        "contrast_method": Field(
            contrast_from_name(name), "inferred", "PlaneInfo/_IllumSetting_", original=name
        ),
        "exposure_time_ms": _exposure(page),
        "emission_nm": _stated(
            page, "wavelength", to_number(page.get("wavelength", "")) or None, "inferred"
        ),
        "binning": _number(page, "camera-binning-x"),
    }
    if disk.upper().startswith("IN"):
        path = "PlaneInfo/IXConfocal Module Disk"
        found["acquisition_mode"] = Field("SpinningDiskConfocal", "inferred", path, original=disk)
    return ChannelRecord(name, {n: f for n, f in found.items() if f.known})


def _exposure(page: Mapping[str, str]) -> Field:
    name = "Exposure Time"
    text = page.get(name, "")
    if not text:
        match, name = _EXPOSURE.search(page.get("Description", "")), "Description"
        text = match[1] if match else ""
    match = _TIME.fullmatch(text.strip())
    number, factor = (
        to_number(match[1]) if match else None,
        ms_per_unit(match[2]) if match else None,
    )
    if not number or number < 0 or not factor:
        return Field()
    return Field(scaled(number, factor), "file", f"PlaneInfo/{name}", original=text)


def _projection(page: Mapping[str, str]) -> tuple[Conflict, ...]:
    """Say so of an image that is no plane but computed from several."""
    method = page.get("Z Projection Method", "")
    if method.lower() in ("", "none"):
        return ()
    depth = page.get("Z Thickness", "")
    over = f" over {depth} µm" if depth else ""
    message = f"the image is a projection ({method.lower()}){over}; its z position is one of many"
    return (Conflict(("position_z_um",), message),)
