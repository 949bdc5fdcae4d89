"""The OME-XML of a copy from the OME-XML of its original: all of it stays that still holds."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from xml.etree.ElementTree import Element, ParseError

from napari_metaseg.acquisition.compare import field_facts, plane_facts
from napari_metaseg.acquisition.record import AcquisitionRecord, Field
from napari_metaseg.images.ome.annotation import FIELDS, SOURCES, field_items, value_text
from napari_metaseg.images.ome.edits import ImageEdits
from napari_metaseg.images.ome.state import annotate
from napari_metaseg.images.ome.stated_terms import stated_terms
from napari_metaseg.images.ome.tree import OmeTree, child, children, local, make, parse_tree
from napari_metaseg.images.ome.xml import read_ome

_PIXEL_DATA = ("TiffData", "BinData", "MetadataOnly")
_OME_TYPES = {"float32": "float", "float64": "double"}
_DEFAULT_ORDER = "XYZCT"


@dataclass(frozen=True)
class Original:
    """The tree of an original document and the image in it that is copied."""

    tree: OmeTree
    image: Element

    @property
    def plane_order(self) -> str:
        """The axes of the planes, fastest first, such as "ZCT"."""
        pixels = child(self.image, "Pixels")
        order = (pixels.get("DimensionOrder") if pixels is not None else None) or _DEFAULT_ORDER
        return order[2:] if sorted(order) == sorted(_DEFAULT_ORDER) else "ZCT"


def find_original(xml: str, index: int, sizes: Mapping[str, int]) -> Original | None:
    """The image number `index` of a document, or None where it is not the image with `sizes`.

    `sizes` gives the length of X, Y, Z, C, T, and S 3 for colour.
    """
    try:
        tree = parse_tree(xml)
    except (ParseError, ValueError, LookupError):
        return None
    if child(tree.root, "BinaryOnly") is not None or not tree.images:
        return None
    index = 0 if len(tree.images) == 1 else index
    if index >= len(tree.images):
        return None
    image = tree.images[index]
    pixels = child(image, "Pixels")
    return Original(tree, image) if pixels is not None and _fits(pixels, sizes) else None


def _fits(pixels: Element, sizes: Mapping[str, int]) -> bool:
    samples, count = sizes.get("S", 1), sizes.get("C", 1)
    stated = {axis: pixels.get(f"Size{axis}", "") for axis in "XYZCT"}
    wanted = {axis: str(sizes.get(axis, 1)) for axis in "XYZT"} | {"C": str(count * samples)}
    channels = children(pixels, "Channel")
    each = {channel.get("SamplesPerPixel", "1") for channel in channels}
    return stated == wanted and (
        (len(channels) == count and each == {str(samples)}) or (not channels and samples == 1)
    )


def for_new_file(original: Original, pixel_type: str, plane_count: int) -> None:
    """Make the document true for a file that holds the pixels of this image alone, in its order.

    Other images go, with the references to them; instruments, regions and annotations stay.
    """
    root = original.tree.root
    others = [image for image in original.tree.images if image is not original.image]
    gone = {image.get("ID") for image in others}
    for image in others:
        root.remove(image)
    for parent in list(root.iter()):
        for reference in children(parent, "ImageRef"):
            if reference.get("ID") in gone:
                parent.remove(reference)
    if root.get("UUID"):
        root.set("UUID", f"urn:uuid:{uuid.uuid4()}")
    _rewrite_pixels(original, pixel_type, plane_count)


def _rewrite_pixels(original: Original, pixel_type: str, plane_count: int) -> None:
    pixels = child(original.image, "Pixels")
    assert pixels is not None
    for element in [e for e in pixels if local(e) in _PIXEL_DATA]:
        pixels.remove(element)
    make(pixels, "TiffData", IFD="0", PlaneCount=str(plane_count))
    pixels.set("Type", _OME_TYPES.get(pixel_type, pixel_type))
    if pixels.get("BigEndian"):
        pixels.set("BigEndian", "false")


def plane_indices(order: str, sizes: Mapping[str, int]) -> list[tuple[int, int, int]]:
    """(c, z, t) of every plane, in the order of axes such as "ZCT" (fastest first)."""
    slowest_first = order[::-1]
    found = product(*(range(sizes.get(axis, 1)) for axis in slowest_first))
    places = [slowest_first.index(axis) for axis in "CZT"]
    return [(i[places[0]], i[places[1]], i[places[2]]) for i in found]


def complete(original: Original, record: AcquisitionRecord) -> bool:
    """Let the document, which holds one image, say all that the record has from the file.

    A reader may know more than the OME-XML says (a scale of OME-Zarr, a tag of a TIFF): where OME
    has a term it gets the value, and a note where the value would read back otherwise. False where
    the planes read back otherwise all the same.
    """
    root, image = original.tree.root, original.image
    missing = _differing(original, record)
    absent = {
        n: f for n, f in record.fields.items() if n in missing and n not in _read(original).fields
    }
    edits = ImageEdits(root, image)
    for key, attribute, text in stated_terms(AcquisitionRecord(declared=absent), {}):
        edits.set(key, attribute, text)
    left = _differing(original, record)
    sources = {key: f"{f.source} {f.path or ''}".strip() for key, f in left.items()}
    sources = {key: text for key, text in sources.items() if left[key].source != "file"}
    if left:
        texts = {key: value_text(key, f.value) for key, f in left.items() if f.value is not None}
        annotate(root, image, FIELDS, tuple(texts.items()))
    if sources:
        annotate(root, image, SOURCES, tuple(sources.items()))
    back = _read(original)
    return field_facts(back) == field_facts(record) and plane_facts(back) == plane_facts(record)


def _differing(original: Original, record: AcquisitionRecord) -> dict[str, Field]:
    """The record's fields that read back otherwise, by their keys."""
    read = field_facts(_read(original))
    wanted = field_facts(record)
    return {
        key: field
        for key, field in field_items(record)
        if field.known and read.get(key) != wanted[key]
    }


def _read(original: Original) -> AcquisitionRecord:
    images, _ = read_ome(original.tree.text())
    return images[0].record if images else AcquisitionRecord()
