"""One channel in the XML of a CZI file, and what the hardware's settings say against it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from napari_metaseg.acquisition.record import ChannelRecord, Conflict, Field
from napari_metaseg.images.ome.node import NO_WORD, Node, to_number
from napari_metaseg.images.units import scaled

_MS_PER_NS = 1e-6
_SAME_EXPOSURE = 1e-4


def read_channel(node: Node) -> ChannelRecord:
    """Name, modes, exposure (stored in ns), wavelengths and binning."""
    where = f"Image/Channel[{node.get('Id')}]"
    found = {
        "acquisition_mode": _word(node, "AcquisitionMode", where),
        "contrast_method": _word(node, "ContrastMethod", where),
        "illumination_type": _word(node, "IlluminationType", where),
        "exposure_time_ms": _exposure(node, where),
        "excitation_nm": _number(node, "ExcitationWavelength", where),
        "emission_nm": _number(node, "EmissionWavelength", where),
        "binning": _binning(node, where),
    }
    return ChannelRecord(node.get("Name"), {n: f for n, f in found.items() if f is not None})


def _word(node: Node, tag: str, where: str) -> Field | None:
    text = node.first(tag).text
    if text.lower() in NO_WORD:
        return None
    return Field(text, "file", f"{where}/{tag}", original=text)


def _number(node: Node, tag: str, where: str) -> Field | None:
    text = node.first(tag).text
    value = to_number(text)
    return Field(value, "file", f"{where}/{tag}", original=text) if value and value > 0 else None


def _exposure(node: Node, where: str) -> Field | None:
    field = _number(node, "ExposureTime", where)
    if field is None or not isinstance(field.value, float):
        return None
    return Field(scaled(field.value, _MS_PER_NS), "file", field.path, f"{field.original} ns")


def _binning(node: Node, where: str) -> Field | None:
    text = node.at("DetectorSettings/Binning").text
    value = to_number(text.replace("x", ",").partition(",")[0])
    path = f"{where}/DetectorSettings/Binning"
    return Field(value, "file", path, original=text) if value and value > 0 else None


def hardware_conflicts(
    root: Node, instrument: Node, node: Node, channel: ChannelRecord
) -> Iterator[Conflict]:
    """The exposure that the settings of the channel's camera state, where it is another one."""
    stated = channel.get("exposure_time_ms").value
    for camera in _cameras(root, instrument, node):
        hardware = to_number(camera.first("ExposureTime").text)
        if not hardware or not isinstance(stated, float):
            continue
        if not math.isclose(stated, hardware, rel_tol=_SAME_EXPOSURE):
            message = (
                f"channel {channel.name!r} was exposed {stated:g} ms, the hardware setting of "
                f"{camera.get('Id')} says {hardware:g} ms"
            )
            yield Conflict(("exposure_time_ms",), message)


def _cameras(root: Node, instrument: Node, node: Node) -> list[Node]:
    """The settings of the camera that the experiment names for the channel, else of its model."""
    named = {
        setup.get("Id") or setup.get("Name")
        for channel in root.first("Experiment").every("Channel")
        if channel.get("Name") == node.get("Name")
        for setup in channel.every("CameraFrameSetup")
    }
    detector = node.at("DetectorSettings/Detector").get("Id")
    models = {
        d.at("Manufacturer/Model").text
        for d in instrument.at("Detectors").all("Detector")
        if d.get("Id") == detector
    }
    settings = list(root.first("HardwareSetting").all("ParameterCollection"))
    exact = [s for s in settings if s.get("Id") in named]
    return exact or [s for s in settings if s.get("Id").rpartition(".")[2] in models - {""}]
