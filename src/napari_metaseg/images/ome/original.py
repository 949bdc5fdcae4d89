"""The OME-XML of a copy from the OME-XML of its original: all of it stays that still holds."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from xml.etree.ElementTree import Element, ParseError

from napari_metaseg.images.ome.tree import OmeTree, child, children, local, make, parse_tree

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
    if index >= len(tree.images) or child(tree.root, "BinaryOnly") is not None:
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
