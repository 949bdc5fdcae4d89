"""The acquisition record in the XML of a Zeiss CZI file (`ImageDocument/Metadata`)."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    Conflict,
    Field,
    PlaneRecord,
)
from napari_metaseg.images.ome.node import Node, to_number
from napari_metaseg.images.safe_xml import parse_xml_text
from napari_metaseg.images.units import scaled
from napari_metaseg.images.vendors.czi_channel import hardware_conflicts, read_channel
from napari_metaseg.images.vendors.czi_optics import read_objective, read_total_magnification

_UM_PER_M = 1e6


def read_metadata(xml: str) -> CziMetadata:
    """The metadata of a file's XML; of XML that cannot be read, none, with the reason."""
    if not xml:
        return CziMetadata(Node(None), xml, "the file has no metadata")
    try:
        return CziMetadata(Node(parse_xml_text(xml)).first("Metadata"), xml)
    except ValueError as error:
        return CziMetadata(
            Node(None), xml, f"the file's XML cannot be read ({error}); its metadata are left out"
        )


@dataclass(frozen=True)
class CziMetadata:
    """`Metadata` of a CZI file; `broken` says why it could not be read."""

    root: Node
    xml: str
    broken: str = ""
    _read: dict[Hashable, AcquisitionRecord] = field(default_factory=dict)

    def original(self) -> dict[str, str]:
        """The XML as it stands in the file."""
        return {"CZI XML": self.xml} if self.xml else {}

    def scene_name(self, number: int) -> str:
        """What the scene of that number is called, or nothing."""
        scenes = self._image.at("Dimensions/S/Scenes").all("Scene")
        return next((s.get("Name") for s in scenes if s.get("Index") == str(number)), "")

    def record(self, sizes: Mapping[str, int], *, alone: bool) -> AcquisitionRecord:
        """What is said of an image of these sizes (T, C, Z, Y, X); `alone` in its file or not."""
        key = (*((axis, size) for axis, size in sizes.items() if alone or axis in "TCZ"), alone)
        if key not in self._read:  # the scenes of a plate are alike
            self._read[key] = self._record(sizes, alone)
        return self._read[key]

    def _record(self, sizes: Mapping[str, int], alone: bool) -> AcquisitionRecord:
        if self.broken:
            return AcquisitionRecord(reported=(Conflict((), self.broken),))
        reported = list(self._size_conflicts(sizes)) if alone else []
        channels, depth, times = sizes["C"], sizes["Z"], sizes["T"]
        instrument = self.root.at("Information/Instrument")
        fields = read_objective(instrument, self._image, reported)
        fields |= read_total_magnification(self.root, fields, reported)
        fields |= self._pixel_sizes()
        described = list(self._image.at("Dimensions/Channels").all("Channel"))[:channels]
        records = tuple(read_channel(node) for node in described)
        fields |= self._instrument(instrument, described)
        for node, channel in zip(described, records, strict=True):
            reported += hardware_conflicts(self.root, instrument, node, channel)
        return AcquisitionRecord(
            fields, records, self._planes(channels, depth, times), reported=tuple(reported)
        )

    def _size_conflicts(self, sizes: Mapping[str, int]) -> Iterator[Conflict]:
        """The XML counts planes and pixels too: what differs from those that are there."""
        for axis, size in sizes.items():
            stated = to_number(self._image.first(f"Size{axis}").text)
            if stated is not None and stated != size:
                message = f"the XML says Size{axis} {stated:g}, the pixels in the file have {size}"
                yield Conflict((), message)

    @cached_property
    def _image(self) -> Node:
        return self.root.at("Information/Image")

    def _pixel_sizes(self) -> dict[str, Field]:
        found = {}
        for node in self.root.at("Scaling/Items").all("Distance"):
            axis, text = node.get("Id"), node.first("Value").text
            metres = to_number(text)
            if axis in ("X", "Y", "Z") and metres and metres > 0:
                path = f"Scaling/Items/Distance[{axis}]/Value"
                size = scaled(metres, _UM_PER_M)
                found[f"pixel_size_{axis.lower()}_um"] = Field(size, "file", path, f"{text} m")
        return found

    def _instrument(self, instrument: Node, channels: list[Node]) -> dict[str, Field]:
        used = {c.at("DetectorSettings/Detector").get("Id") for c in channels}
        detectors = list(instrument.at("Detectors").all("Detector"))
        named = [d for d in detectors if d.get("Id") in used] or detectors
        microscopes = list(instrument.at("Microscopes").all("Microscope"))
        date = self._image.first("AcquisitionDateAndTime").text
        found = {}
        if len(microscopes) == 1:
            found["microscope"] = _word(microscopes[0].get("Name"), "Instrument/Microscope/@Name")
        if len(named) == 1:
            model = named[0].at("Manufacturer/Model").text or named[0].get("Name")
            path = f"Instrument/Detector[{named[0].get('Id')}]"
            found["detector"] = _word(model, path)
        found["acquired_at"] = _word(date, "Image/AcquisitionDateAndTime")
        return {name: field for name, field in found.items() if field.known}

    def _planes(self, channels: int, depth: int, times: int) -> tuple[PlaneRecord, ...]:
        """Heights in µm where the file lists one for each plane of a stack."""
        offsets = _offsets(self._image.at("Dimensions/Z"), depth)
        if depth < 2 or len(set(offsets)) < 2:
            return ()
        return tuple(
            PlaneRecord(c, z, t, position_z_um=offsets[z])
            for c in range(max(channels, 1))
            for t in range(max(times, 1))
            for z in range(depth)
        )


def _offsets(axis: Node, depth: int) -> list[float]:
    start = to_number(axis.first("StartPosition").text) or 0.0
    listed = [to_number(t) for t in axis.at("Positions/List/Offsets").text.split()]
    known = [round(start + offset, 6) for offset in listed if offset is not None]
    if len(known) == depth:
        return known
    step = to_number(axis.at("Positions/Interval/Increment").text)
    first = to_number(axis.at("Positions/Interval/Start").text)
    if not step:
        return []
    return [round((start if first is None else first) + z * step, 6) for z in range(depth)]


def _word(text: str, path: str) -> Field:
    return Field(text, "file", path, original=text) if text else Field()
