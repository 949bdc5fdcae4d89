"""The acquisition record of one Harmony field: vendor's terms to OME's, metres to micrometres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    ChannelRecord,
    Conflict,
    Field,
    PlaneRecord,
    Source,
)
from napari_metaseg.images.ome.node import to_number
from napari_metaseg.images.plates.harmony_index import HarmonyImage, HarmonyIndex, Texts
from napari_metaseg.images.plates.wells import z_step_um
from napari_metaseg.images.units import ms_per_unit, scaled, um_per_unit

Czt = tuple[int, int, int]

_MODES = {
    "nonconfocal": "WideField",
    "nipkowconfocal": "SpinningDiskConfocal",
    "confocal": "SpinningDiskConfocal",
}
_CONTRASTS = {
    "fluorescence": "Fluorescence",
    "brightfield": "Brightfield",
    "phase": "Phase",
    "digitalphasecontrast": "Phase",
    "darkfield": "Darkfield",
}
_ILLUMINATIONS = {
    "epifluorescence": "Epifluorescence",
    "transmitted": "Transmitted",
    "oblique": "Oblique",
}
_WORDS = (
    ("acquisition_mode", "AcquisitionType", _MODES),
    ("contrast_method", "ChannelType", _CONTRASTS),
    ("illumination_type", "IlluminationType", _ILLUMINATIONS),
)
_WAVELENGTHS = (
    ("excitation_nm", "MainExcitationWavelength"),
    ("emission_nm", "MainEmissionWavelength"),
)


class HarmonyRecords:
    """Makes records; what channels of many fields share is made once."""

    def __init__(self, index: HarmonyIndex, objective: Mapping[str, Field]) -> None:
        self._index, self._objective = index, objective
        self._channels: dict[tuple[int, int], ChannelRecord] = {}
        self._fields: dict[tuple[int, int], dict[str, Field]] = {}
        self._microscope = _microscope(index.plate.get("InstrumentType", ""))

    def record(self, images: Mapping[Czt, HarmonyImage]) -> AcquisitionRecord:
        """The record of a field whose planes are `images`, at least one."""
        first = images[min(images)]
        by_channel = {c: self._planes_of(c, images) for c in sorted({c for c, _, _ in images})}
        positions = {czt: position_um(image) for czt, image in images.items()}
        fields = {**self._shared(first), **self._objective} | self._microscope | _acquired(images)
        step = _step(positions)
        if step is not None:
            path = "Images/Image/PositionZ, from plane to plane"
            fields["pixel_size_z_um"] = Field(step, "inferred", path)
        offsets = _offsets(positions)
        channels = {
            c: _placed(self._channel(planes[0]), offsets.get(c)) for c, planes in by_channel.items()
        }
        times = {czt: self._exposure(image) for czt, image in images.items()}
        varying = {c for (c, _, _), t in times.items() if t != _exposure_of(channels[c])}
        return AcquisitionRecord(
            fields,
            tuple(_without_exposure(h) if c in varying else h for c, h in channels.items()),
            tuple(
                PlaneRecord(*czt, positions[czt], times[czt] if czt[0] in varying else None)
                for czt in sorted(images)
            ),
            reported=(*self._differences(first, by_channel), *_focus_notice(positions)),
        )

    def _planes_of(self, c: int, images: Mapping[Czt, HarmonyImage]) -> list[HarmonyImage]:
        return [images[czt] for czt in sorted(images) if czt[0] == c]

    def _shared(self, image: HarmonyImage) -> dict[str, Field]:
        settings = self._index.settings_of(image)
        key = (image.channel, id(settings))
        if key not in self._fields:
            self._fields[key] = _image_fields(settings, self._where(image))
        return self._fields[key]

    def _channel(self, image: HarmonyImage) -> ChannelRecord:
        settings = self._index.settings_of(image)
        key = (image.channel, id(settings))
        if key not in self._channels:
            self._channels[key] = _channel_record(settings, self._where(image))
        return self._channels[key]

    def _where(self, image: HarmonyImage) -> str:
        part = "Images/Image" if image.settings else "Maps/Map/Entry"
        return f"{part}[ChannelID={image.channel}]"

    def _exposure(self, image: HarmonyImage) -> float | None:
        return _exposure_of(self._channel(image))

    def _differences(
        self, first: HarmonyImage, by_channel: Mapping[int, Sequence[HarmonyImage]]
    ) -> tuple[Conflict, ...]:
        """Say so where channels do not agree on what an image has once."""
        reference = self._shared(first)
        found = {}
        for planes in by_channel.values():
            for name, field in self._shared(planes[0]).items():
                other = reference.get(name)
                if name != "detector" and other is not None and other.value != field.value:
                    text = f"{other.original} in {other.path}, {field.original} in {field.path}"
                    found[name] = Conflict((name,), text)
        return tuple(found.values())


def position_um(image: HarmonyImage) -> float | None:
    """The plane's `PositionZ`."""
    value = to_number(image.own.get("PositionZ", ""))
    factor = um_per_unit(image.own.get("PositionZ@Unit") or "m")
    return None if value is None or factor is None else scaled(value, factor)


def _image_fields(settings: Texts, where: str) -> dict[str, Field]:
    fields = {
        "objective_nominal_magnification": _number(settings, "ObjectiveMagnification", where),
        "lens_na": _number(settings, "ObjectiveNA", where),
        "pixel_size_x_um": _length(settings, "ImageResolutionX", where, 1.0),
        "pixel_size_y_um": _length(settings, "ImageResolutionY", where, 1.0),
        "detector": _text(settings, "CameraType", where),
    }
    return {name: field for name, field in fields.items() if field.known}


def _channel_record(settings: Texts, where: str) -> ChannelRecord:
    fields = {name: _word(settings, element, words, where) for name, element, words in _WORDS}
    fields |= {name: _length(settings, element, where, 1e3) for name, element in _WAVELENGTHS}
    fields["exposure_time_ms"] = _exposure(settings, where)
    fields["binning"] = _number(settings, "BinningX", where)
    name = settings.get("ChannelName", "")
    return ChannelRecord(name, {n: f for n, f in fields.items() if f.known})


def _word(settings: Texts, element: str, words: Mapping[str, str], where: str) -> Field:
    """OME's word: the file's where it is the same one, else inferred from the vendor's."""
    text = settings.get(element, "")
    word = words.get(text.lower())
    if word is None:
        return Field()
    source: Source = "file" if word == text else "inferred"
    return Field(word, source, f"{where}/{element}", original=text)


def _text(settings: Texts, element: str, where: str) -> Field:
    text = settings.get(element, "")
    return Field(text, "file", f"{where}/{element}", original=text) if text else Field()


def _number(settings: Texts, element: str, where: str, factor: float = 1.0) -> Field:
    """A number above 0 times `factor`; Harmony writes 0 for what there is not."""
    text, unit = settings.get(element, ""), settings.get(f"{element}@Unit", "")
    value = to_number(text)
    if value is None or value <= 0:
        return Field()
    original = f"{text} {unit}".strip()
    return Field(scaled(value, factor), "file", f"{where}/{element}", original)


def _length(settings: Texts, element: str, where: str, per_um: float) -> Field:
    """A length in µm times `per_um` (1000 for nm)."""
    unit = settings.get(f"{element}@Unit")
    factor = um_per_unit(unit) if unit else None
    return Field() if factor is None else _number(settings, element, where, factor * per_um)


def _exposure(settings: Texts, where: str) -> Field:
    unit = settings.get("ExposureTime@Unit")
    factor = ms_per_unit(unit or "s")
    return Field() if factor is None else _number(settings, "ExposureTime", where, factor)


def _exposure_of(channel: ChannelRecord) -> float | None:
    value = channel.get("exposure_time_ms").value
    return value if isinstance(value, float) else None


def _without_exposure(channel: ChannelRecord) -> ChannelRecord:
    """The channel whose planes have exposures of their own."""
    kept = {n: f for n, f in channel.fields.items() if n != "exposure_time_ms"}
    return ChannelRecord(channel.name, kept)


def _microscope(text: str) -> dict[str, Field]:
    return {"microscope": Field(text, "file", "InstrumentType", text)} if text else {}


def _acquired(images: Mapping[Czt, HarmonyImage]) -> dict[str, Field]:
    """When the field's first plane was taken."""
    times = sorted(t for i in images.values() if (t := i.own.get("AbsTime", "")))
    path = "Images/Image/AbsTime, the earliest"
    return {"acquired_at": Field(times[0], "file", path, times[0])} if times else {}


def _step(positions: Mapping[Czt, float | None]) -> float | None:
    """The distance between the planes of the first channel."""
    first = min(positions)
    stack = [p for (c, _, t), p in positions.items() if (c, t) == (first[0], first[2])]
    return z_step_um(stack)


def _offsets(positions: Mapping[Czt, float | None]) -> dict[int, float]:
    """How far each channel stands above the first, where channels differ, the same in each plane.

    Harmony gives each channel a height of its own, so that one plane number is not one z.
    """
    first = min(c for c, _, _ in positions)
    found: dict[int, set[float]] = {}
    for (c, z, t), position in positions.items():
        base = positions.get((first, z, t))
        if position is not None and base is not None:
            found.setdefault(c, set()).add(float(f"{position - base:.6f}"))
    offsets = {c: next(iter(values)) for c, values in found.items() if len(values) == 1}
    return offsets if any(offsets.values()) else {}


def _focus_notice(positions: Mapping[Czt, float | None]) -> tuple[Conflict, ...]:
    """Say so where a stack runs through zero, which looks like a distance from focus."""
    stack = {p for (c, _, t), p in positions.items() if (c, t) == (0, 0) and p is not None}
    if 0.0 not in stack or not min(stack) < 0 < max(stack):
        return ()
    message = "PositionZ counts from the microscope's autofocus, which need not be the focus"
    return (Conflict(("plane_offset_um",), message),)


def _placed(channel: ChannelRecord, offset: float | None) -> ChannelRecord:
    if offset is None:
        return channel
    path = "Images/Image/PositionZ, relative to the first channel"
    field = Field(offset, "inferred", path)
    return ChannelRecord(channel.name, {**channel.fields, "z_offset_um": field})
