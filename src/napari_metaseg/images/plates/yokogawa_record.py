"""The acquisition record of one field of a Yokogawa measurement."""

from __future__ import annotations

import re
from collections.abc import Mapping

from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    ChannelRecord,
    Field,
    PlaneRecord,
)
from napari_metaseg.images.ome.node import to_number
from napari_metaseg.images.plates.wells import z_step_um
from napari_metaseg.images.plates.yokogawa_index import Attributes, Measurement, Plane

Czt = tuple[int, int, int]

_KINDS = {
    "confocalfluorescence": ("Fluorescence", "SpinningDiskConfocal", "Epifluorescence"),
    "epifluorescence": ("Fluorescence", "WideField", "Epifluorescence"),
    "fluorescence": ("Fluorescence", "WideField", "Epifluorescence"),
    "brightfield": ("Brightfield", "BrightField", "Transmitted"),
    "phasecontrast": ("Phase", None, "Transmitted"),
    "digitalphasecontrast": ("Phase", None, "Transmitted"),
}
"""`Channel@Kind` in lower case → contrast method, acquisition mode, illumination: CellVoyagers are
spinning disk confocals (Yokogawa, CSU)."""

_BAND = re.compile(r"BP\s*(\d{3,4})(?:[/-](\d{1,4}))?", re.IGNORECASE)


def field_record(measurement: Measurement, planes: Mapping[Czt, Plane]) -> AcquisitionRecord:
    """The record of a field whose planes are `planes`, at least one."""
    first = planes[min(planes)]
    channels = {c: planes[c, z, t].channel for c, z, t in sorted(planes)}
    positions = {czt: to_number(plane.attributes.get("Z", "")) for czt, plane in planes.items()}
    stack = [p for (c, _, t), p in positions.items() if (c, t) == (0, 0)]
    step = z_step_um(stack)
    fields = _image_fields(measurement, first)
    if step is not None:
        path = ".mlf MeasurementRecord@Z, from plane to plane"
        fields["pixel_size_z_um"] = Field(step, "inferred", path)
    return AcquisitionRecord(
        fields,
        tuple(_channel(measurement, number) for number in channels.values()),
        tuple(PlaneRecord(*czt, positions[czt]) for czt in sorted(planes)),
    )


def _image_fields(measurement: Measurement, plane: Plane) -> dict[str, Field]:
    channel = measurement.channels.get(plane.channel, {})
    pixels = measurement.pixels.get(plane.channel, {})
    mes, mrf = _mes(plane.channel), f".mrf MeasurementChannel[Ch={plane.channel}]"
    system, date = measurement.plate.get("TargetSystem", ""), plane.attributes.get("Time", "")
    fields = {
        "objective_nominal_magnification": _number(channel, "Magnification", mes),
        "pixel_size_x_um": _number(pixels, "HorizontalPixelDimension", mrf),
        "pixel_size_y_um": _number(pixels, "VerticalPixelDimension", mrf),
        "detector": _text(channel.get("CameraType", ""), f"{mes}/@CameraType"),
        "microscope": _text(system, ".mrf MeasurementDetail/@TargetSystem"),
        "acquired_at": _text(date, ".mlf MeasurementRecord/@Time"),
    }
    fields["total_magnification"] = _total(fields["objective_nominal_magnification"], pixels, mrf)
    return {name: field for name, field in fields.items() if field.known}


def _total(objective: Field, pixels: Attributes, where: str) -> Field:
    """The objective's magnification times the relay's, where the relay changes it."""
    ratio = to_number(pixels.get("ObjectiveMagnificationRatio", ""))
    if not isinstance(objective.value, float) or ratio is None or ratio <= 0 or ratio == 1:
        return Field()
    path = f"{objective.path} × {where}/@ObjectiveMagnificationRatio"
    return Field(objective.value * ratio, "inferred", path, f"{objective.original} × {ratio:g}")


def _channel(measurement: Measurement, number: int) -> ChannelRecord:
    channel, where = measurement.channels.get(number, {}), _mes(number)
    fields = {
        "exposure_time_ms": _number(channel, "ExposureTime", where),
        "binning": _number(channel, "Binning", where),
        "excitation_nm": _excitation(measurement, number),
        "emission_nm": _emission(channel, where),
        **_words(channel, where),
    }
    lights = " ".join(measurement.lights_of.get(number, ()))
    name = channel.get("Fluorophore") or f"{lights} {channel.get('Acquisition', '')}".strip()
    return ChannelRecord(name or f"C{number:02d}", {n: f for n, f in fields.items() if f.known})


def _words(channel: Attributes, where: str) -> dict[str, Field]:
    kind = channel.get("Kind", "")
    words = _KINDS.get(re.sub(r"[\s_-]", "", kind).lower(), (None, None, None))
    names = ("contrast_method", "acquisition_mode", "illumination_type")
    path = f"{where}/@Kind"
    return {n: Field(w, "inferred", path, kind) for n, w in zip(names, words, strict=True) if w}


def _excitation(measurement: Measurement, number: int) -> Field:
    """The wavelength of the channel's light source, where it has one with a wavelength."""
    names = measurement.lights_of.get(number, ())
    if len(names) != 1:
        return Field()
    return _number(
        measurement.lights.get(names[0], {}), "WaveLength", f".mes LightSource[{names[0]}]"
    )


def _emission(channel: Attributes, where: str) -> Field:
    """The centre of the emission filter's band."""
    text = channel.get("Acquisition", "")
    band = _BAND.search(text)
    if band is None:
        return Field()
    return Field(float(band[1]), "inferred", f"{where}/@Acquisition", original=text)


def _mes(channel: int) -> str:
    return f".mes Channel[Ch={channel}]"


def _number(attributes: Attributes, name: str, where: str) -> Field:
    """A number above 0; the CellVoyager writes 0 for what there is not."""
    text = attributes.get(name, "")
    value = to_number(text)
    if value is None or value <= 0:
        return Field()
    return Field(value, "file", f"{where}/@{name}", original=text)


def _text(text: str, path: str) -> Field:
    return Field(text, "file", path, original=text) if text else Field()
