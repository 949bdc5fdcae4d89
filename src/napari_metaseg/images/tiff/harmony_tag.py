"""PerkinElmer Harmony: the XML in TIFF tag 65500, which describes the whole measurement.

It names the image by its exposure, record and channel numbers; those of the image are looked up.
"""

from __future__ import annotations

from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord, Field, PlaneRecord
from napari_metaseg.acquisition.vocabulary import IMMERSIONS, contrast_from_name, immersion_of
from napari_metaseg.images.ome.node import Node, to_number
from napari_metaseg.images.safe_xml import parse_xml_text
from napari_metaseg.images.units import ms_per_unit, scaled, um_per_unit

TAG = 65500
_WHERE = f"TIFF tag {TAG}: "


def read_harmony_tag(value: str | bytes) -> AcquisitionRecord:
    """The record of the plane that the tag belongs to. Raises `ValueError` for other XML."""
    text = value.decode("utf-8-sig", "replace") if isinstance(value, bytes) else value
    root = Node(parse_xml_text(text.strip("\0 \r\n")))
    device, image = root.first("DeviceExperiment"), root.first("Image")
    exposure = _numbered(device.first("Exposures"), "Exposure", image.first("ExposureID").text)
    record = _numbered(exposure, "Record", image.first("RecordID").text)
    channel = _numbered(record.first("Channels"), "Channel", image.first("ChannelID").text)
    instrument = root.first("InstrumentDescription")
    fields = _objective(instrument, exposure.first("Objective").text)
    fields |= _pixel_size(instrument, fields, channel.first("CameraSetting"))
    kind, taken = instrument.first("Type").text, image.first("AbsTime").text
    for name, words, path in (
        ("microscope", kind, "InstrumentDescription/Type"),
        ("acquired_at", taken, "Image/AbsTime"),
    ):
        if words:
            fields[name] = Field(words, "file", _WHERE + path, original=words)
    height = _height(device, image, record)
    planes = () if height is None else (PlaneRecord(0, 0, 0, position_z_um=height),)
    described = _channel(instrument, exposure, record, channel)
    return AcquisitionRecord(fields, (described,), planes)


def _numbered(parent: Node, tag: str, number: str) -> Node:
    """The child of that number, counted from 1."""
    children = list(parent.all(tag))
    index = int(number) if number.isdecimal() and len(number) < 6 else 0
    return children[index - 1] if 1 <= index <= len(children) else Node(None)


def _quantity(node: Node, tag: str, path: str, kind: str = "") -> Field:
    """A number above 0 in `tag`: a time in ms, a length in µm, or as it stands."""
    child = node.first(tag)
    value, unit = to_number(child.text), child.get("Unit")
    factor = {"time": ms_per_unit(unit or "s"), "length": um_per_unit(unit or "m")}.get(kind, 1.0)
    if not value or value < 0 or factor is None:
        return Field()
    return Field(scaled(value, factor), "file", _WHERE + path, f"{child.text} {unit}".strip())


def _objective(instrument: Node, wanted: str) -> dict[str, Field]:
    """The objective that the exposure names, out of those that the instrument knows."""
    objective, group = _named(instrument, ("KnownObjectives", "Objectives"), wanted)
    path = f"{group}/Objective[{wanted}]/"
    found = {
        "objective_nominal_magnification": _quantity(
            objective, "Magnification", f"{path}Magnification"
        ),
        "lens_na": _quantity(objective, "NumAperture", f"{path}NumAperture"),
        "refractive_index": _quantity(objective, "ImmersionRIndex", f"{path}ImmersionRIndex"),
    }
    name = objective.first("Name").text
    words = name.replace(",", " ").split()
    medium = next((immersion_of(w) for w in words if immersion_of(w) in IMMERSIONS), None)
    if medium:
        found["immersion"] = Field(medium, "inferred", f"{_WHERE}{path}Name", original=name)
    return {n: field for n, field in found.items() if field.known}


def _named(instrument: Node, groups: tuple[str, ...], wanted: str) -> tuple[Node, str]:
    for group in groups:
        for node in instrument.first(group).all("Objective"):
            if wanted and node.first("ID").text == wanted:
                return node, group
    return Node(None), groups[0]


def _pixel_size(instrument: Node, fields: dict[str, Field], camera: Node) -> dict[str, Field]:
    """The camera's pixel times binning over the magnification of objective and instrument."""
    cameras = instrument.first("Cameras").all("Camera")
    used = camera.first("CameraID").text
    chip = next((c for c in cameras if c.first("ID").text == used), Node(None))
    lens = fields.get("objective_nominal_magnification", Field()).value
    between = to_number(instrument.first("Magnification").text)
    found = {}
    for axis in "XY":
        pixel = _quantity(chip, f"PixelSize{axis}", "", "length").value
        binning = to_number(camera.first(f"Binning{axis}").text)
        if (
            not isinstance(pixel, float)
            or not isinstance(lens, float)
            or not binning
            or not between
        ):
            continue
        size = scaled(pixel * binning, 1 / (lens * between))
        path = f"{_WHERE}camera pixel x binning / (objective x instrument magnification)"
        original = f"{pixel:g} µm x {binning:g} / ({lens:g} x {between:g})"
        found[f"pixel_size_{axis.lower()}_um"] = Field(size, "inferred", path, original)
    return found


def _channel(instrument: Node, exposure: Node, record: Node, channel: Node) -> ChannelRecord:
    name, camera = channel.first("Name").text, channel.first("CameraSetting")
    path = "Exposure/Record/Channel"
    contrast, light = contrast_from_name(name), _illumination(instrument, record)
    found = {
        "exposure_time_ms": _quantity(
            camera, "Exposuretime", f"{path}/CameraSetting/Exposuretime", "time"
        ),
        "binning": _quantity(camera, "BinningX", f"{path}/CameraSetting/BinningX"),
        "illumination_type": light,
    }
    confocal = exposure.first("Confocal").text
    if light.value == "Epifluorescence":
        contrast = "Fluorescence"
        mode = "SpinningDiskConfocal" if confocal == "true" else "WideField"
        found["acquisition_mode"] = Field(mode, "inferred", _WHERE + "Exposure/Confocal", confocal)
    if contrast:
        found["contrast_method"] = Field(contrast, "inferred", f"{_WHERE}{path}/Name", name)
    return ChannelRecord(name, {n: f for n, f in found.items() if f.known})


def _illumination(instrument: Node, record: Node) -> Field:
    """What the record's one light source is."""
    used = {
        s.first("LightsourceID").text
        for s in record.first("LightsourceSettings").every("DiscreteWLLightsourceSetting")
    }
    kinds = {
        source.first("IlluminationType").text
        for source in instrument.first("Lightsources").every("DiscreteWavelength")
        if source.first("ID").text in used
    } - {""}
    if len(kinds) != 1:
        return Field()
    kind = kinds.pop()
    return Field(kind, "file", _WHERE + "Lightsources/DiscreteWavelength/IlluminationType", kind)


def _height(device: Node, image: Node, record: Node) -> float | None:
    """The plane's height in the stack plus that of the channel, in µm.

    None for digital phase contrast, which is computed from several planes.
    """
    names = [c.first("Name").text for c in record.first("Channels").all("Channel")]
    if any("phase" in name.lower() for name in names):
        return None
    stack = device.at("Stacks/Stack")
    plane = _numbered(stack, "Plane", image.first("PlaneID").text)
    parts = []
    for node in (plane.first("Z"), record.at("FocusSetting/Height")):
        value, factor = to_number(node.text), um_per_unit(node.get("Unit") or "m")
        if value is None or factor is None:
            return None
        parts.append(scaled(value, factor))
    return round(sum(parts), 6)
