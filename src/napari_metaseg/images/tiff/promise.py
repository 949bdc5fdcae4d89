"""What OME-XML promises of its file, weighed before tifffile makes room for it.

tifffile allocates an entry for each plane that the XML speaks of, however small the file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from napari_metaseg.images.ome.node import Node
from napari_metaseg.images.page_file import holds
from napari_metaseg.images.safe_xml import parse_xml_text
from napari_metaseg.images.tiff.structure import OpenedTiff, damaged
from napari_metaseg.images.without_pixels import MOST_PLANES


def check_promise(opened: OpenedTiff, xml: str) -> None:
    """Raise where the OME-XML of a file that stands alone speaks of more than can be in it."""
    try:
        root = Node(parse_xml_text(xml)) if xml else Node(None)
    except ValueError:
        return  # tifffile cannot read it either
    page, promised = opened.tiff.pages.first, max(_pixels(root), default=0)
    fits = holds(opened.tiff.filehandle.size, promised * np.dtype(page.dtype).itemsize)
    if not fits or max(promised / max(page.size, 1), *_counts(root)) > MOST_PLANES:
        raise damaged(opened.path, "OME-XML that promises more than the file can hold")


def _pixels(root: Node) -> Iterator[float]:
    """How many pixels each image should have."""
    for pixels in root.every("Pixels"):
        yield math.prod(abs(pixels.number(f"Size{axis}") or 1) for axis in "XYZCT")


def _counts(root: Node) -> Iterator[float]:
    """Every other number of planes by which tifffile makes room."""
    yield 0
    for data in root.every("TiffData"):
        yield from (data.number(name) or 0 for name in ("PlaneCount", "NumPlanes"))
    for axis in "ZCT":
        for along in root.every(f"ModuloAlong{axis}"):
            start, end = (along.number(name) or 0 for name in ("Start", "End"))
            yield abs(end - start) / abs(along.number("Step") or 1)
