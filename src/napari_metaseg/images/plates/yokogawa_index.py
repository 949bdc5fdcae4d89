"""Yokogawa CellVoyager measurements: the three XML files and what each of them says.

`.mlf` lists the planes, `.mrf` the pixels of each channel, `.mes` how each channel was taken. All
three may carry a prefix that somebody put before their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

from napari_metaseg.errors import InputError
from napari_metaseg.images.ome.node import to_number
from napari_metaseg.images.safe_xml import iterate_xml, local_name, parse_xml

Attributes = Mapping[str, str]

_DATA, _DETAIL = "MeasurementData.mlf", "MeasurementDetail.mrf"


@dataclass(frozen=True, slots=True)
class Plane:
    """One image record of the `.mlf`: its place, and the attributes as they stand."""

    row: int
    column: int
    field: int
    channel: int
    z: int
    time: tuple[int, int]
    file: str
    attributes: Attributes


@dataclass(frozen=True)
class Measurement:
    """The three files; `.mrf` and `.mes` are empty mappings where they are not there."""

    path: Path
    prefix: str
    planes: list[Plane] = field(default_factory=list)
    plate: Attributes = field(default_factory=dict)
    pixels: Mapping[int, Attributes] = field(default_factory=dict)
    channels: Mapping[int, Attributes] = field(default_factory=dict)
    lights: Mapping[str, Attributes] = field(default_factory=dict)
    lights_of: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()


def find_mlf(path: Path) -> Path | None:
    """The list of planes that belongs to a measurement's file or stands in its folder."""
    folder = path if path.is_dir() else path.parent
    lists = sorted(p for p in folder.glob("*.mlf") if p.is_file())
    if path.suffix.lower() == ".mlf":
        return path
    if path.is_dir() or len(lists) == 1:
        return lists[0] if lists else None
    # Of several measurements in one folder, the one whose prefix the file shares.
    prefixed = [p for p in lists if path.name.startswith(_prefix(p))]
    return max(prefixed, key=lambda p: len(_prefix(p)), default=None)


def read_measurement(path: Path) -> Measurement:
    """The measurement whose list of planes is the `.mlf` at `path`.

    Raises `InputError` where one of its files is damaged, or the list names no plane.
    """
    prefix = _prefix(path)
    detail = path.with_name(prefix + _DETAIL)
    root = parse_xml(detail) if detail.is_file() else Element("absent")
    plate = _attributes(root)
    settings, expected = _settings(path, prefix, plate)
    planes = [_plane(e, path) for e in iterate_xml(path, {"MeasurementRecord"}) if _is_image(e)]
    if not planes:
        raise InputError(f"{path} names no images", way_out="Copy the measurement again")
    mes = parse_xml(settings) if settings is not None else Element("absent")
    absent = [] if detail.is_file() else [detail.name]
    return Measurement(
        path,
        prefix,
        planes,
        plate,
        pixels=_by_channel(root, "MeasurementChannel"),
        channels=_by_channel(mes, "Channel"),
        lights={a.get("Name", ""): a for a in map(_attributes, _every(mes, "LightSource"))},
        lights_of=_lights_of(mes),
        absent=tuple(absent if settings is not None else [*absent, expected]),
    )


def _prefix(mlf: Path) -> str:
    name = mlf.name
    return name.removesuffix(_DATA) if name.endswith(_DATA) else ""


def _settings(path: Path, prefix: str, plate: Attributes) -> tuple[Path | None, str]:
    """The `.mes` file that the measurement names, with or without the prefix; else the only one."""
    name = plate.get("MeasurementSettingFileName", "").replace("\\", "/").rsplit("/", 1)[-1]
    named = [path.with_name(n) for n in (prefix + name, name) if name]
    others = sorted(path.parent.glob("*.mes"))
    found = [p for p in named if p.is_file()] or (others if len(others) == 1 else [])
    return (found[0] if found else None), name or "the .mes file"


def _is_image(element: Element) -> bool:
    return _attributes(element).get("Type") == "IMG"


def _plane(element: Element, path: Path) -> Plane:
    attributes = _attributes(element)
    return Plane(
        row=_whole(attributes, "Row", path),
        column=_whole(attributes, "Column", path),
        field=_whole(attributes, "FieldIndex", path),
        channel=_whole(attributes, "Ch", path),
        z=_whole(attributes, "ZIndex", path, 1),
        time=(
            _whole(attributes, "TimelineIndex", path, 1),
            _whole(attributes, "TimePoint", path, 1),
        ),
        file=(element.text or "").strip(),
        attributes=attributes,
    )


def _whole(attributes: Attributes, name: str, path: Path, default: int | None = None) -> int:
    text = attributes.get(name, "")
    if text.isdecimal() and len(text) < 10:
        return int(text)
    if default is not None and not text:
        return default
    raise InputError(f"{path} has an image without a valid {name}", got=repr(text[:50]))


def _attributes(element: Element) -> dict[str, str]:
    """The attributes without their namespace."""
    return {name.rsplit("}", 1)[-1]: text.strip() for name, text in element.items()}


def _every(root: Element, tag: str) -> list[Element]:
    return [element for element in root.iter() if local_name(element) == tag]


def _by_channel(root: Element, tag: str) -> dict[int, Attributes]:
    found: dict[int, Attributes] = {}
    for element in _every(root, tag):
        attributes = _attributes(element)
        number = to_number(attributes.get("Ch", ""))
        if number is not None:
            found[int(number)] = attributes
    return found


def _lights_of(mes: Element) -> dict[int, tuple[str, ...]]:
    """Channel → the names of its light sources."""
    found = {}
    for element in _every(mes, "Channel"):
        number = to_number(_attributes(element).get("Ch", ""))
        names = tuple((e.text or "").strip() for e in _every(element, "LightSourceName"))
        if number is not None:
            found[int(number)] = names
    return found
