"""Open an OME-Zarr folder: an image, a label image, a group of labels, a plate, or a series.

NGFF 0.1 to 0.5, zarr formats 2 and 3, and the layout of bioformats2raw.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_metaseg.errors import InputError
from napari_metaseg.images.ome.xml import OmeImage, read_ome
from napari_metaseg.images.protocol import ImageSource, WellField, plain_stem
from napari_metaseg.images.safe_xml import parse_xml_text, read_xml_text
from napari_metaseg.images.zarr.image import ZarrImage
from napari_metaseg.images.zarr.library import require_zarr
from napari_metaseg.images.zarr.multiscale import read_multiscale
from napari_metaseg.images.zarr.record import image_record, own_attribute
from napari_metaseg.images.zarr.stored import Json, inside, objects, read_attributes

_WELL = re.compile(r"^([A-Za-z]{1,2})/(\d{1,4})$")


@dataclass(frozen=True)
class _Scene:
    """A group that holds one image, and what is known of it beforehand."""

    folder: Path
    name: str = ""
    position: WellField | None = None
    described: OmeImage | None = None
    xml: str = field(default="", repr=False)


def open_zarr(path: Path) -> tuple[ImageSource, ...]:
    """The images in an OME-Zarr folder, by well and field or in their own order.

    Of a pyramid the full resolution. An image's labels are opened by their own path,
    `image.zarr/labels/<name>`. Reads no pixels. Raises `InputError` where zarr is not installed,
    and for metadata that are damaged, no image's, or lead out of the folder.
    """
    require_zarr(path)
    attributes = read_attributes(path)
    scenes = list(_scenes(path, attributes))
    if not scenes:
        raise InputError(
            f"{path} describes no image",
            got="a zarr without OME metadata",
            way_out="Give the folder that holds the image, or write it as OME-Zarr",
        )
    return tuple(_open(path, scene, number) for number, scene in enumerate(scenes))


def _open(path: Path, scene: _Scene, number: int) -> ImageSource:
    attributes = read_attributes(scene.folder)
    multiscale = read_multiscale(scene.folder, attributes)
    described = scene.described.record if scene.described else None
    record = image_record(multiscale, attributes, described)
    original = {"attributes": json.dumps(attributes, indent=1, ensure_ascii=False)}
    original |= {"OME-XML": scene.xml} if scene.xml else {}
    colour = own_attribute(attributes).get("colour") is True
    image = ZarrImage(path, multiscale, record, colour=colour, original=original)
    own = scene.described.name if scene.described else ""
    name = scene.name or multiscale.name or own or plain_stem(scene.folder)
    return image.place(name if name != "/" else plain_stem(scene.folder), number, scene.position)


def _scenes(path: Path, attributes: Json) -> Iterator[_Scene]:
    plate, labels = attributes.get("plate"), attributes.get("labels")
    if objects(attributes.get("multiscales")):
        yield _single(path)
    elif isinstance(plate, dict):
        yield from _plate_scenes(path, plate)
    elif objects(attributes.get("well") and [attributes["well"]]):
        yield from _well_scenes(path, attributes["well"], path.parent.name + path.name, "")
    elif isinstance(labels, list):
        yield from (_Scene(inside(path, n), n) for n in labels if isinstance(n, str))
    elif "bioformats2raw.layout" in attributes:
        yield from _series(path)


def _single(path: Path) -> _Scene:
    """An image, with the OME-XML in it or, for one of a series, in the folder above."""
    images, xml = _read_metadata(path)
    if images:
        return _Scene(path, described=images[0], xml=xml)
    series = {s.folder.name: s for s in _series(path.parent)} if _is_series(path.parent) else {}
    found = series.get(path.name)
    return _Scene(path, described=found.described, xml=found.xml) if found else _Scene(path)


def _is_series(path: Path) -> bool:
    return (path / "OME" / "METADATA.ome.xml").is_file()


def _series(path: Path) -> Iterator[_Scene]:
    """The images of bioformats2raw: as `OME` lists them, else by their numbers."""
    images, xml = _read_metadata(path)
    names = _listed(path / "OME")
    if not names:
        names = sorted((p.name for p in path.iterdir() if p.name.isdecimal()), key=int)
    for number, name in enumerate(names):
        described = images[number] if len(images) == len(names) else None
        title = described.name if described else ""
        yield _Scene(inside(path, name), title or name, described=described, xml=xml)


def _listed(folder: Path) -> list[str]:
    try:
        series = read_attributes(folder).get("series")
    except InputError:
        return []
    return [n for n in series if isinstance(n, str)] if isinstance(series, list) else []


def _read_metadata(path: Path) -> tuple[tuple[OmeImage, ...], str]:
    """The images that `OME/METADATA.ome.xml` describes, and its text; none where it cannot be."""
    file = path / "OME" / "METADATA.ome.xml"
    if not file.is_file():
        return (), ""
    xml = read_xml_text(file)
    try:
        parse_xml_text(xml)
    except ValueError as error:
        raise InputError(f"{file} cannot be read as XML", got=str(error)) from None
    images, broken = read_ome(xml)
    if broken:
        raise InputError(f"{file} cannot be read", got=broken)
    return images, xml


def _plate_scenes(path: Path, plate: Mapping[str, Any]) -> Iterator[_Scene]:
    name = plate.get("name")
    title = name if isinstance(name, str) and name else plain_stem(path)
    series = {s.folder: s for s in _series(path)} if _is_series(path) else {}
    for well in sorted(objects(plate.get("wells")), key=_well_order):
        folder = inside(path, well.get("path"))
        match = _WELL.match(str(well.get("path")))
        label = f"{match[1].upper()}{int(match[2]):02d}" if match else str(well.get("path"))
        listed = read_attributes(folder).get("well")
        for scene in _well_scenes(folder, listed, label, title):
            known = series.get(scene.folder)
            described, xml = (known.described, known.xml) if known else (None, "")
            yield _Scene(scene.folder, scene.name, scene.position, described, xml)


def _well_order(well: Json) -> tuple[int, str, int]:
    match = _WELL.match(str(well.get("path")))
    return (len(match[1]), match[1].upper(), int(match[2])) if match else (9, "", 0)


def _well_scenes(folder: Path, well: object, label: str, plate: str) -> Iterator[_Scene]:
    for number, image in enumerate(objects(well.get("images") if isinstance(well, dict) else [])):
        position = WellField(plate, label, number + 1)
        yield _Scene(inside(folder, image.get("path")), f"{label} field {number + 1}", position)
