"""OME-XML in a file of its own (`.companion.ome`, `.ome.xml`), and sets of OME-TIFFs.

Both describe images whose planes lie in several files. The record is whole without any of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_metaseg.acquisition.record import AcquisitionRecord, Conflict
from napari_metaseg.errors import InputError
from napari_metaseg.images.ome.layout import OmeLayout, read_layout
from napari_metaseg.images.ome.node import Node
from napari_metaseg.images.ome.places import read_places
from napari_metaseg.images.ome.xml import OmeImage, read_ome
from napari_metaseg.images.page_file import PlaneFile
from napari_metaseg.images.protocol import ImageSource, WellField, plain_stem
from napari_metaseg.images.safe_xml import parse_xml_text, read_xml_text
from napari_metaseg.images.without_pixels import (
    MOST_PLANES,
    Described,
    ImageOfFiles,
    PlaneFiles,
    Surroundings,
    plane_axes,
    with_absent,
)

_NO_PIXELS = Conflict((), "the OME-XML names no pixel files: there are no pixels to show")
_INLINE = Conflict((), "pixels written into the OME-XML itself are not read")


def open_ome_xml(path: Path) -> tuple[ImageSource, ...]:
    """The images that an OME-XML file describes, with the pixels that are in files beside it.

    Reads no pixels. Raises `InputError` for XML that is damaged, contradicts itself on its pixels,
    or names files outside its folder.
    """
    return open_described(path, read_xml_text(path), own_uuid=None)


def open_described(path: Path, xml: str, own_uuid: str | None) -> tuple[ImageSource, ...]:
    """The images of `xml` that stands in or speaks for the file at `path`.

    `own_uuid` is the UUID of the file at `path` itself where it holds pixels ("" where it has
    none), and None where it is text alone.
    """
    try:
        root = Node(parse_xml_text(xml))
    except ValueError as error:
        raise InputError(f"{path} holds OME-XML that cannot be read", got=str(error)) from None
    described, broken = read_ome(xml)
    if broken or not described:
        raise InputError(f"{path} describes no images", got=broken or "OME-XML without Image")
    document = _Document(path, xml, own_uuid, Surroundings(path), read_places(root))
    nodes = root.all("Image")
    images: list[ImageSource] = []
    planes = 0
    for number, (image, node) in enumerate(zip(described, nodes, strict=True)):
        opened = document.open(image, node, number)
        planes += len(opened.files)
        if planes > MOST_PLANES:
            raise InputError(f"{path} describes more planes than can be", got=f"over {planes}")
        images.append(opened)
    return tuple(images)


@dataclass(frozen=True)
class _Document:
    """What the images of one OME-XML share."""

    path: Path
    xml: str
    own_uuid: str | None
    around: Surroundings
    places: Mapping[str, WellField]

    def open(self, image: OmeImage, node: Node, number: int) -> ImageOfFiles:
        pixels = node.first("Pixels")
        if not pixels:
            raise InputError(f"{self.path} has an image without Pixels", got=node.get("ID"))
        layout = read_layout(pixels, self.path)
        sizes = {a: n for a, n in layout.sizes.items() if a != "S"}
        axes, shape = plane_axes(sizes, self.path)
        if "S" in layout.sizes:
            axes, shape = f"{axes}S", (*shape, 3)
        files = self._files(layout)
        record = self._record(image, pixels, files, sizes["T"] * sizes["C"] * sizes["Z"])
        name = image.name or f"{plain_stem(self.path)} {number}"
        position = self.places.get(node.get("ID"))
        described = Described(self.path, name, axes, shape, layout.dtype, record, number, position)
        return ImageOfFiles(described, files, {"OME-XML": self.xml})

    def _files(self, layout: OmeLayout) -> PlaneFiles:
        paths = {
            (block.file, block.uuid): self._file(block.file, block.uuid) for block in layout.blocks
        }
        return {
            czt: PlaneFile(path, page)
            for czt, block, page in layout.planes()
            if (path := paths[block.file, block.uuid]) is not None
        }

    def _file(self, name: str, uuid: str) -> Path | None:
        """The file of a block; its UUID tells this file even after it was renamed."""
        holds_pixels = self.own_uuid is not None
        if holds_pixels and (not name or (uuid and uuid == self.own_uuid)):
            return self.path
        return self.around.file(name) if name else None

    def _record(
        self, image: OmeImage, pixels: Node, files: PlaneFiles, planes: int
    ) -> AcquisitionRecord:
        if files:
            return with_absent(image.record, files.values(), planes, self.around)
        notice = _INLINE if any(pixels.all("BinData")) else _NO_PIXELS
        return with_absent(image.record, (), 0, self.around, (notice,))
