"""What OME-XML says of an image's pixels: sizes, type, and which file holds which plane.

Terms and defaults: OME schema 2016-06, `Pixels`, `TiffData`, `Channel`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_metaseg.errors import InputError
from napari_metaseg.images.ome.node import Node, to_number

Czt = tuple[int, int, int]

_TYPES = {
    "int8": "i1", "int16": "i2", "int32": "i4", "uint8": "u1", "uint16": "u2", "uint32": "u4",
    "float": "f4", "double": "f8", "bit": "u1", "complex": "c8", "double-complex": "c16",
}  # fmt: skip
_ORDERS = {"XYZCT", "XYZTC", "XYCZT", "XYCTZ", "XYTCZ", "XYTZC"}


@dataclass(frozen=True)
class Block:
    """One `TiffData`: `count` planes from (c, z, t) on, in pages of a file from `page` on.

    `file` is the name that the XML gives, `uuid` the file's identity; empty where it gives none.
    """

    start: Czt
    page: int
    count: int
    file: str
    uuid: str


@dataclass(frozen=True)
class OmeLayout:
    """Sizes by axis letter (S 3 where the one channel is colour), pixel type, order, files."""

    sizes: dict[str, int]
    dtype: np.dtype[np.generic]
    order: str
    blocks: tuple[Block, ...]

    def planes(self) -> Iterator[tuple[Czt, Block, int]]:
        """Each plane that a block names: (c, z, t), the block, the page of its file.

        Blocks that run beyond the image end with it; of two that name one plane the first counts.
        """
        seen: set[Czt] = set()
        for block in self.blocks:
            for step, czt in enumerate(self._run(block)):
                if czt not in seen:
                    seen.add(czt)
                    yield czt, block, block.page + step

    def _run(self, block: Block) -> Iterator[Czt]:
        letters = self.order[2:]
        lengths = [self.sizes.get(letter, 1) for letter in letters]
        start = dict(zip("CZT", block.start, strict=True))
        if any(start[a] >= n for a, n in zip(letters, lengths, strict=True)):
            return
        first = start[letters[0]] + lengths[0] * (
            start[letters[1]] + lengths[1] * start[letters[2]]
        )
        for number in range(first, min(first + block.count, int(np.prod(lengths)))):
            rest, fast = divmod(number, lengths[0])
            slow, middle = divmod(rest, lengths[1])
            place = dict(zip(letters, (fast, middle, slow), strict=True))
            yield place["C"], place["Z"], place["T"]


def read_layout(pixels: Node, path: Path) -> OmeLayout:
    """The layout that a `Pixels` element states. Raises `InputError` for what no image can be."""
    sizes = {axis: _size(pixels, axis, path) for axis in "TCZYX"}
    samples = [int(to_number(c.get("SamplesPerPixel")) or 1) for c in pixels.all("Channel")]
    if samples == [3] and sizes["C"] == 3:
        sizes |= {"C": 1, "S": 3}
    elif samples and sum(samples) != sizes["C"]:
        channels = ", ".join(repr(c.get("ID")) for c in pixels.all("Channel"))
        raise InputError(
            f"{path} contradicts itself on its channels",
            got=f"SizeC {sizes['C']}, and the channels {channels[:200]}",
            way_out="Export the metadata again, or correct SizeC",
        )
    name = pixels.get("Type").lower()
    if name not in _TYPES:
        raise InputError(f"{path} has pixels of an unknown type", got=repr(name[:50]))
    order = pixels.get("DimensionOrder")
    blocks = tuple(_block(node, sizes) for node in pixels.all("TiffData"))
    order = order if order in _ORDERS else "XYZCT"
    return OmeLayout(sizes, np.dtype(_TYPES[name]), order, blocks)


def _size(pixels: Node, axis: str, path: Path) -> int:
    text = pixels.get(f"Size{axis}")
    if not (text.isdecimal() and len(text) < 16 and int(text) > 0):
        what = f"{path} does not say how long its {axis} axis is"
        raise InputError(what, got=f"Size{axis} = {text[:50]!r}")
    return int(text)


def _block(node: Node, sizes: dict[str, int]) -> Block:
    """A `TiffData`: without IFD and PlaneCount it is all planes, with an IFD alone it is one."""
    uuid = node.first("UUID")
    every = sizes["T"] * sizes["C"] * sizes["Z"]
    default = 1 if node.get("IFD") else every
    return Block(
        start=(_index(node, "FirstC"), _index(node, "FirstZ"), _index(node, "FirstT")),
        page=_index(node, "IFD"),
        count=_index(node, "PlaneCount") if node.get("PlaneCount") else default,
        file=uuid.get("FileName"),
        uuid=uuid.text,
    )


def _index(node: Node, name: str) -> int:
    text = node.get(name)
    return int(text) if text.isdecimal() and len(text) < 10 else 0
