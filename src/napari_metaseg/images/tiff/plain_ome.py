"""The common OME-TIFF, planned from its OME-XML: one image in one file, planes uncompressed.

tifffile reads the directory of every page before it gives a series, which takes far longer than the
first plane of a long stack. Where the OME-XML alone says which page is which plane, and the file is
long enough to hold them all, pages are looked up only when they are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from napari_metaseg.images.ome.node import Node

_UNCOMPRESSED = 1
_LARGE_BYTES = 1 << 26
"""A smaller file is checked page by page when it is opened: that costs nothing worth saving."""
_IMAGE = re.compile(r"<(?:\w+:)?Image[\s>]")
_BLOCK = 1 << 10
_PLACE = ("IFD", "PlaneCount", "FirstZ", "FirstC", "FirstT")


@dataclass(frozen=True)
class PlainSeries:
    """What this package uses of a tifffile series."""

    name: str
    keyframe: Any
    axes: str
    shape: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the stored pixels."""
        return np.dtype(self.keyframe.dtype)

    def get_axes(self, *, squeeze: bool = True) -> str:
        """The axes as stored, those of length 1 among them."""
        return self.axes

    def get_shape(self, *, squeeze: bool = True) -> tuple[int, ...]:
        """The length of each of the axes."""
        return self.shape


def plan_plain_ome(tiff: Any) -> PlainSeries | None:
    """The only series of a file of the common kind, or None: then tifffile has to look."""
    page = tiff.pages[0]
    if not tiff.is_ome or tiff.filehandle.size < _LARGE_BYTES or not _is_plain(page):
        return None
    head = _read_head(tiff.ome_metadata)
    if head is None:
        return None
    sizes = {a: int(head.pixels.number(f"Size{a}") or 0) for a in "XYZCT"}
    order = head.pixels.get("DimensionOrder")[:1:-1]
    if sorted(order) != ["C", "T", "Z"] or min(sizes.values()) < 1:
        return None
    shape = (*(sizes[a] for a in order), sizes["Y"], sizes["X"])
    count = sizes["Z"] * sizes["C"] * sizes["T"]
    fits = page.nbytes * count <= tiff.filehandle.size and page.shape == shape[-2:]
    if not fits or not _in_order(head.blocks, sizes, order, count):
        return None
    return PlainSeries(head.name, page, f"{order}YX", shape)


@dataclass(frozen=True)
class _Head:
    """What OME-XML of one image says before it comes to the single planes."""

    name: str
    pixels: Node
    blocks: list[Node]


def _read_head(xml: str) -> _Head | None:
    """The head, or None for several images, for other files' pixels, and for damaged text."""
    if "FileName" in xml or "<!DOCTYPE" in xml:
        return None
    found: dict[str, list[Node]] = {"Image": [], "Pixels": [], "TiffData": []}
    try:
        for tag, element in _before_planes(xml):
            found.get(tag, []).append(Node(element))
    except (ET.ParseError, ValueError):
        return None
    end = xml.find("Pixels>")
    if len(found["Image"]) != 1 or len(found["Pixels"]) != 1 or _IMAGE.search(xml, end):
        return None
    return _Head(found["Image"][0].get("Name"), found["Pixels"][0], found["TiffData"])


def _before_planes(xml: str) -> Iterator[tuple[str, ET.Element]]:
    """Local names and elements up to the first `Plane`: there can be thousands from there on."""
    parser: Any = ET.XMLPullParser(("start",))  # typeshed knows its events as any of six kinds
    for start in range(0, len(xml), _BLOCK):
        parser.feed(xml[start : start + _BLOCK])
        for _, element in parser.read_events():
            tag = element.tag.rsplit("}", 1)[-1]
            if tag == "Plane":
                return
            yield tag, element


def _is_plain(page: Any) -> bool:
    """Whether the page is one uncompressed grey plane without a pyramid under it."""
    return (
        page.axes == "YX"
        and page.compression == _UNCOMPRESSED
        and page.samplesperpixel == 1
        and not page.subifds
    )


def _in_order(blocks: list[Node], sizes: dict[str, int], order: str, count: int) -> bool:
    """Whether plane after plane stands on page after page of this very file."""
    if len(blocks) == 1:
        ifd, planes, *first = (blocks[0].get(name) for name in _PLACE)
        whole = planes == str(count) or (not planes and not ifd)
        return whole and ifd in ("", "0") and set(first) <= {"", "0"}
    places = [[block.number(name) or 0 for name in _PLACE] for block in blocks]
    if len(places) != count or any(place[1] not in (0, 1) for place in places):
        return False
    steps = {"Z": 2, "C": 3, "T": 4}
    numbers = []
    for place in places:
        number = 0
        for axis in order:
            number = number * sizes[axis] + int(place[steps[axis]])
        numbers.append((number, int(place[0])))
    return numbers[0] == (0, 0) and all(
        (b[0] - a[0], b[1] - a[1]) == (1, 1) for a, b in pairwise(numbers)
    )
