"""The acquisition record of a LIF image, from the hardware settings that the file attaches to it.

A laser scan's dwell time is no exposure: it is told in a notice, the exposure stays unknown.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    ChannelRecord,
    Conflict,
    Field,
    PlaneRecord,
)
from napari_metaseg.acquisition.vocabulary import immersion_of
from napari_metaseg.images.ome.instrument import name_conflicts
from napari_metaseg.images.ome.node import Node
from napari_metaseg.images.units import scaled
from napari_metaseg.images.vendors.lif_channel import camera_channels, scanned_channels
from napari_metaseg.images.vendors.lif_layout import LifLayout

_UM_PER_M = 1e6
_CONFOCAL, _CAMERA = "ATLConfocalSettingDefinition", "ATLCameraSettingDefinition"
_FILETIME_ZERO = datetime(1601, 1, 1, tzinfo=UTC)


def read_record(element: Node, layout: LifLayout) -> AcquisitionRecord:
    """What the XML element of an image says of it."""
    image = element.at("Data/Image")
    hardware = next(
        (a for a in image.all("Attachment") if a.get("Name") == "HardwareSetting"), Node(None)
    )
    settings = hardware.first(_CONFOCAL) or hardware.first(_CAMERA)
    names = tuple(sample.name for sample in layout.channels)
    reported: list[Conflict] = []
    if hardware.first(_CONFOCAL):
        channels = scanned_channels(settings, hardware, names)
        reported += _dwell_time(settings)
    else:
        channels = camera_channels(settings, names)
    if layout.colour:
        channels = (ChannelRecord(""),)
    objective = _objective(settings)
    reported += name_conflicts(settings.get("ObjectiveName"), objective)
    fields = objective | _pixel_sizes(layout) | _instrument(settings, hardware, image)
    return AcquisitionRecord(
        fields, channels, _planes(layout, len(channels)), reported=tuple(reported)
    )


def _path(settings: Node, name: str) -> str:
    return f"{_CONFOCAL if settings.get('ScanMode') else _CAMERA}/@{name}"


def _objective(settings: Node) -> dict[str, Field]:
    found = {}
    for field, name in (
        ("objective_nominal_magnification", "Magnification"),
        ("lens_na", "NumericalAperture"),
        ("refractive_index", "RefractionIndex"),
    ):
        value = settings.positive(name)
        if value is not None:
            found[field] = Field(value, "file", _path(settings, name), settings.get(name))
    medium = settings.word("Immersion")
    if medium:
        path = _path(settings, "Immersion")
        found["immersion"] = Field(immersion_of(medium), "file", path, original=medium)
    return found


def _pixel_sizes(layout: LifLayout) -> dict[str, Field]:
    """Length over the number of intervals, one fewer than that of pixels."""
    found = {}
    for axis in "XYZ":
        step = layout.step_of(axis)
        if step.spacing:
            path = f"DimensionDescription[{axis}]/@Length / (NumberOfElements - 1)"
            original = f"{step.length!r} m / {step.count - 1}"
            size = scaled(step.spacing, _UM_PER_M)
            found[f"pixel_size_{axis.lower()}_um"] = Field(size, "file", path, original)
    return found


def _instrument(settings: Node, hardware: Node, image: Node) -> dict[str, Field]:
    system = hardware.get("SystemTypeName")
    words = [w for w in (system, settings.word("MicroscopeModel")) if w]
    detectors = [d.get("Name") for d in settings.every("Detector") if d.get("IsActive") == "1"]
    camera = settings.word("CameraName")
    date = _first_time(image.first("TimeStampList").text)
    found = {}
    if words:
        text = ", ".join(words)
        found["microscope"] = Field(text, "file", "@SystemTypeName, @MicroscopeModel", text)
    if detectors or camera:
        name = ", ".join(dict.fromkeys(detectors)) or camera
        path = "DetectorList" if detectors else "@CameraName"
        found["detector"] = Field(name, "file", path, original=name)
    if date:
        found["acquired_at"] = Field(date[0], "file", "TimeStampList", original=date[1])
    return found


def _first_time(text: str) -> tuple[str, str] | None:
    """The first of a list of Windows file times (100 ns since 1601, hexadecimal), as ISO 8601."""
    word = text.split(maxsplit=1)[0] if text.strip() else ""
    try:
        moment = _FILETIME_ZERO + timedelta(microseconds=int(word, 16) // 10)
    except (ValueError, OverflowError):
        return None
    return moment.isoformat(timespec="milliseconds"), word


def _dwell_time(settings: Node) -> list[Conflict]:
    seconds = settings.positive("PixelDwellTime")
    if seconds is None:
        return []
    message = (
        f"a laser scan has no exposure time; the pixel dwell time was {scaled(seconds, 1e6):g} µs"
    )
    return [Conflict(("exposure_time_ms",), message)]


def _planes(layout: LifLayout, channels: int) -> tuple[PlaneRecord, ...]:
    """Heights of the planes of a stack."""
    stack = layout.step_of("Z")
    if "Z" not in layout.numbering or stack.count < 2 or not stack.length:
        return ()
    step = stack.length / (stack.count - 1)
    heights = [scaled(stack.origin + z * step, _UM_PER_M) for z in range(stack.count)]
    return tuple(
        PlaneRecord(c, z, t, position_z_um=heights[z])
        for c in range(channels)
        for t in range(layout.step_of("T").count)
        for z in range(stack.count)
    )
