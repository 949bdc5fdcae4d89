"""Harmony plates (PerkinElmer, Revvity: Operetta, Opera Phenix) from their index file.

`Index.idx.xml` and `Index.xml` name one TIFF per plane. Up to HarmonyV5 each `Image` element states
all of its settings; from HarmonyV6 on the settings that a channel's images share stand once, in
`Maps/Map/Entry[ChannelID]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_metaseg.errors import InputError
from napari_metaseg.images.safe_xml import iterate_flat

Texts = Mapping[str, str]
"""Element name → its text, and its name with "@Unit" → its unit."""

_OWN = {
    "id", "State", "URL", "Row", "Col", "FieldID", "PlaneID", "TimepointID", "SequenceID",
    "GroupID", "ChannelID", "FlimID", "PositionX", "PositionY", "PositionZ", "AbsPositionZ",
    "MeasurementTimeOffset", "AbsTime", "PositionX@Unit", "PositionY@Unit", "PositionZ@Unit",
    "AbsPositionZ@Unit", "MeasurementTimeOffset@Unit", "@Version",
}  # fmt: skip
"""What belongs to one image; everything else is a setting of its channel."""

_LONG = {"FlatfieldProfile", "SkewcropParameters"}
"""Kilobytes of numbers for correcting pixels: left out."""


@dataclass(frozen=True, slots=True)
class HarmonyImage:
    """One `Image` element: where its plane belongs, its own values, its channel's settings."""

    row: int
    column: int
    field: int
    channel: int
    plane: int
    time: tuple[int, int]
    own: Texts
    settings: Texts


@dataclass
class HarmonyIndex:
    """The whole index: the plate, its images, and settings by channel (HarmonyV6 and later)."""

    path: Path
    plate: dict[str, str] = field(default_factory=dict)
    images: list[HarmonyImage] = field(default_factory=list)
    entries: dict[int, dict[str, str]] = field(default_factory=dict)
    _seen: dict[Any, Texts] = field(default_factory=dict)

    def settings_of(self, image: HarmonyImage) -> Texts:
        """The settings of the image's channel: its own, else those of the channel's map entry."""
        return image.settings or self.entries.get(image.channel, {})

    def add(self, name: str, texts: dict[str, str]) -> None:
        """Take in one `Image`, `Entry`, `Plate` or `InstrumentType` element."""
        for long in _LONG & texts.keys():
            del texts[long]
        own = texts.pop("")
        if name == "InstrumentType":
            self.plate[name] = own
        elif name == "Plate":
            self.plate |= {n: text for n, text in texts.items() if text and "@" not in n}
        elif name == "Entry":
            channel = texts.pop("@ChannelID", "")
            if channel.isdecimal() and len(channel) < 10:
                self.entries.setdefault(int(channel), {}).update(texts)
        elif "URL" in texts or "Row" in texts:
            self.images.append(self._image(texts))

    def _image(self, texts: dict[str, str]) -> HarmonyImage:
        own = {name: texts.pop(name) for name in _OWN if name in texts}
        # One channel's settings repeat for each of its planes: kept once.
        settings = self._seen.setdefault(tuple(texts.items()), texts)
        return HarmonyImage(
            row=self._whole(own, "Row"),
            column=self._whole(own, "Col"),
            field=self._whole(own, "FieldID"),
            channel=self._whole(own, "ChannelID"),
            plane=self._whole(own, "PlaneID", 1),
            time=(self._whole(own, "TimepointID", 0), self._whole(own, "SequenceID", 0)),
            own=own,
            settings=settings,
        )

    def _whole(self, own: Texts, name: str, default: int | None = None) -> int:
        text = own.get(name, "")
        if text.isdecimal() and len(text) < 10:
            return int(text)
        if default is not None and not text:
            return default
        raise InputError(f"{self.path} has an image without a valid {name}", got=repr(text[:50]))


def read_index(path: Path) -> HarmonyIndex:
    """The index file as it stands. Raises `InputError` where it is damaged or of no image."""
    index = HarmonyIndex(path)
    for name, texts in iterate_flat(path, {"Image", "Entry", "Plate", "InstrumentType"}):
        index.add(name, texts)
    if not index.images:
        raise InputError(f"{path} names no images", way_out="Export the measurement again")
    return index
