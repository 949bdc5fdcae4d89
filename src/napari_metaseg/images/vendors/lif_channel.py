"""The channels of a LIF image: a scan's active detectors, or a camera's channel settings."""

from __future__ import annotations

from collections.abc import Sequence

from napari_metaseg.acquisition.record import ChannelRecord, Field
from napari_metaseg.images.ome.node import Node, to_number
from napari_metaseg.images.units import scaled

_MODES = {
    "confocal": "LaserScanningConfocalMicroscopy",
}
_CONTRASTS = {
    "fluo": "Fluorescence",
    "tl-bf": "Brightfield",
    "bf": "Brightfield",
    "tl-ph": "Phase",
    "ph": "Phase",
    "tl-dic": "DIC",
    "dic": "DIC",
    "tl-df": "Darkfield",
}


def scanned_channels(
    settings: Node, hardware: Node, names: Sequence[str]
) -> tuple[ChannelRecord, ...]:
    """A channel for each stored one; its detector's band where there are as many detectors."""
    source = hardware.get("DataSourceTypeName")
    mode = _MODES.get(source.lower())
    shared = {}
    if mode:
        path = "HardwareSetting/@DataSourceTypeName"
        shared["acquisition_mode"] = Field(mode, "file", path, original=source)
    active = [d for d in settings.first("DetectorList").all("Detector") if d.get("IsActive") == "1"]
    bands = {band.get("Channel"): band for band in settings.every("MultiBand")}
    if len(active) != len(names):
        return tuple(ChannelRecord(name, dict(shared)) for name in names)
    channels = []
    for name, detector in zip(names, active, strict=True):
        band = bands.get(detector.get("Channel"), Node(None))
        dye = band.get("DyeName").rpartition("/")[2]
        channels.append(ChannelRecord(dye or name, shared | _light(detector, band)))
    return tuple(channels)


def _light(detector: Node, band: Node) -> dict[str, Field]:
    """The middle of a detector's band as emission; of a transmission detector, that it is one."""
    name = f"{detector.get('Name')} {detector.get('Type')}"
    if "trans" in name.lower() or "tld" in name.lower():
        path = f"Detector[{detector.get('Name')}]"
        return {"illumination_type": Field("Transmitted", "inferred", path, original=name)}
    low, high = band.positive("LeftWorld"), band.positive("RightWorld")
    if low is None or high is None or low >= high:
        return {}
    path = f"MultiBand[{band.get('Channel')}], the middle of the band detected"
    middle = round((low + high) / 2, 1)
    return {"emission_nm": Field(middle, "inferred", path, original=f"{low:g}-{high:g}")}


def camera_channels(settings: Node, names: Sequence[str]) -> tuple[ChannelRecord, ...]:
    """A channel for each stored one; its settings where there are as many of them."""
    described = list(settings.every("WideFieldChannelInfo"))
    if len(described) != len(names):
        return tuple(ChannelRecord(name) for name in names)
    return tuple(
        ChannelRecord(node.get("UserDefName") or name, _camera_fields(node))
        for name, node in zip(names, described, strict=True)
    )


def _camera_fields(node: Node) -> dict[str, Field]:
    found = {}
    method = node.word("ContrastingMethodName")
    if method:
        word = _CONTRASTS.get(method.lower(), method)
        path = "WideFieldChannelInfo/@ContrastingMethodName"
        found["contrast_method"] = Field(word, "file", path, original=method)
    text = node.get("ExposureTime")
    seconds = to_number(text.removesuffix("s").strip())
    if seconds and seconds > 0:
        path = "WideFieldChannelInfo/@ExposureTime"
        found["exposure_time_ms"] = Field(scaled(seconds, 1000.0), "file", path, f"{text} (s)")
    emission = node.positive("EmissionWavelength")
    if emission:
        path = "WideFieldChannelInfo/@EmissionWavelength"
        found["emission_nm"] = Field(emission, "file", path, node.get("EmissionWavelength"))
    return found
