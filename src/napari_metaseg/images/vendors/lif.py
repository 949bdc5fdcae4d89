"""Leica LIF: the file's parts through `liffile`, planes by the steps that its XML states.

A plane is taken by its steps in bytes, not frame by frame, since a scan may run in any order: an
xzy scan stores (Z, X) frames along y, and is offered as the z stack that it is.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.record import Conflict
from napari_metaseg.images.ome.node import Node
from napari_metaseg.images.vendors.lif_layout import LifLayout, read_layout
from napari_metaseg.images.vendors.lif_record import read_record
from napari_metaseg.images.vendors.source import (
    Parts,
    VendorImage,
    check_extent,
    damaged,
    images_of,
    named_errors,
)

if TYPE_CHECKING:
    from liffile import LifFile

_KIND = "Leica LIF"


def open_lif(path: Path) -> tuple[VendorImage, ...]:
    """The images of a LIF file, each tile of a mosaic one of its own; reads no pixels.

    Raises `InputError` for a damaged file, or one in which no image has planes.
    """
    import liffile

    with named_errors(path, _KIND), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with liffile.LifFile(path) as file:
            _refuse_entities(path, file.xml_header())
            return images_of(path, _scenes(path, file), _KIND)


def _refuse_entities(path: Path, xml: str) -> None:
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise damaged(path, _KIND, "XML that declares entities")


def _scenes(path: Path, file: LifFile) -> list[Parts]:
    parts, skipped, used = [], [], set()
    for image in file.images:
        node = Node(image.xml_element)
        layout = read_layout(node.at("Data/Image/ImageDescription"))
        if isinstance(layout, str):
            skipped.append(f"{image.path} ({layout})")
            used.add(image.memory_block.id)
            continue
        block = image.memory_block
        used.add(block.id)
        pixels = _Pixels(path, int(block.offset), int(block.size), layout)
        pixels.check()
        original = partial(_original, image.xml_element)
        parts += [
            Parts(
                name=image.path if layout.tiles == 1 else f"{image.path} tile {tile + 1}",
                axes=layout.axes,
                shape=layout.shape,
                dtype=layout.dtype,
                record=read_record(node, layout),
                read=_TileReader(pixels, tile),
                original=original,
            )
            for tile in range(layout.tiles)
        ]
    lost = [name for name, block in file.memory_blocks.items() if block.size and name not in used]
    skipped += [f"pixels {name} (of no image that the file describes)" for name in lost]
    return _with_notice(path, parts, skipped)


def _original(element: ET.Element) -> dict[str, str]:
    return {"LIF XML": ET.tostring(element, encoding="unicode")}


def _with_notice(path: Path, parts: list[Parts], skipped: list[str]) -> list[Parts]:
    """The first image tells what of the file is left out; there must be an image left."""
    if not skipped:
        return parts
    if not parts:
        raise damaged(path, _KIND, f"no image of planes in it: {', '.join(skipped)}")
    notice = Conflict((), f"also in the file, and not read: {', '.join(skipped)}")
    first = parts[0]
    record = replace(first.record, reported=(*first.record.reported, notice))
    return [replace(first, record=record), *parts[1:]]


@dataclass(frozen=True)
class _Pixels:
    """The memory block of an image: where it begins in the file, how long it is, what is in it."""

    path: Path
    offset: int
    size: int
    layout: LifLayout

    def check(self) -> None:
        """Raise where the block, or what the layout says of it, is not within the file."""
        shape = tuple(self.layout.step_of(a).count for a in self.layout.plane_axes)
        check_extent(self.path, _KIND, shape, self.layout.dtype.itemsize)
        end = self.path.stat().st_size
        if self.offset < 0 or self.size < 0 or self.offset + self.size > end:
            raise damaged(self.path, _KIND, "pixels beyond the end of the file")
        if self.layout.extent > self.size:
            claimed = f"{self.layout.extent} bytes of pixels, {self.size} are there"
            raise damaged(self.path, _KIND, claimed)

    def plane(self, where: Mapping[str, int], sample: int) -> NDArray[Any]:
        """The plane of one sample at `where`, read in one piece from its first byte to its last."""
        layout, channel = self.layout, self.layout.channels[sample]
        start = channel.step + sum(layout.step_of(a).step * i for a, i in where.items())
        rows, columns = (layout.step_of(axis) for axis in layout.plane_axes)
        length = rows.reach + columns.reach + channel.dtype.itemsize
        with self.path.open("rb") as file:
            file.seek(self.offset + start)
            raw = np.frombuffer(file.read(length), np.uint8)
        if raw.size < length:
            raise damaged(self.path, _KIND, "pixels beyond the end of the file")
        shape, steps = (rows.count, columns.count), (rows.step, columns.step)
        return np.ndarray(shape, channel.dtype, raw.data, 0, steps)


@dataclass(frozen=True)
class _TileReader:
    """Reads the planes of one tile."""

    pixels: _Pixels
    tile: int

    def __call__(self, c: int, z: int, t: int) -> NDArray[Any]:
        layout = self.pixels.layout
        numbers = {"Z": z, "T": t, "M": self.tile}
        where = {a: numbers[a] for a in layout.numbering}
        if layout.colour:
            planes = [self.pixels.plane(where, sample) for sample in layout.colour]
            return np.stack(planes, axis=-1)
        return self.pixels.plane(where, c)
