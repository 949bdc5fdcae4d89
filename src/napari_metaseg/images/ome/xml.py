"""OME-XML to acquisition records, lenient where vendors are careless.

Read with the standard library and not with ome-types: vendors write XML that its typed model
refuses or repairs (an ID such as "Objective:100x" may be the only place of the magnification, an
absent unit is not the same as the default one), and it takes a second to import. What is written
goes through ome-types (`write.py`), so it is valid. Terms: OME schema 2016-06.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_metaseg.acquisition.record import AcquisitionRecord, Conflict
from napari_metaseg.images.ome.annotation import PREFIX, Pairs
from napari_metaseg.images.ome.instrument import read_instrument, read_objective
from napari_metaseg.images.ome.node import Node
from napari_metaseg.images.ome.pixels import read_channels, read_pixel_size, read_planes
from napari_metaseg.images.ome.restore import apply_annotations
from napari_metaseg.images.ome.state import undo_all
from napari_metaseg.images.ome.unreadable import unreadable_numbers
from napari_metaseg.images.safe_xml import parse_xml_text


@dataclass(frozen=True)
class OmeImage:
    """One `Image` element."""

    name: str
    record: AcquisitionRecord


def read_ome(xml: str) -> tuple[tuple[OmeImage, ...], str]:
    """The images that OME-XML describes, or none and a sentence on why it cannot be read."""
    try:
        element = parse_xml_text(xml)
        undo_all(element)  # what a person stated is told apart from what the file said before
        root = Node(element)
    except ValueError as error:
        return (), f"the file's OME-XML cannot be read ({error}); its metadata are left out"
    notes = {node.get("ID"): node for node in root.every("MapAnnotation")}
    return tuple(_read_image(root, image, notes) for image in root.all("Image")), ""


def _read_image(root: Node, image: Node, notes: Mapping[str, Node]) -> OmeImage:
    pixels, where = image.first("Pixels"), image.get("ID") or "Image"
    instrument = _instrument(root, image)
    reported: list[Conflict] = []
    fields = read_objective(instrument, image, where, reported)
    fields |= read_pixel_size(pixels, where, reported)
    fields |= read_instrument(instrument, image, where)
    channels, planes = read_planes(pixels, where, read_channels(pixels, where), reported)
    reported += unreadable_numbers(image, instrument)
    record = AcquisitionRecord(fields, channels, planes, reported=tuple(reported))
    return OmeImage(image.get("Name"), apply_annotations(record, _our_notes(image, notes)))


def _instrument(root: Node, image: Node) -> Node:
    """The instrument that the image refers to, else the only one there is."""
    instruments = list(root.all("Instrument"))
    wanted = image.first("InstrumentRef").get("ID")
    named = [i for i in instruments if wanted and i.get("ID") == wanted]
    if named or len(instruments) == 1:
        return (named or instruments)[0]
    return Node(None)


def _our_notes(image: Node, notes: Mapping[str, Node]) -> dict[str, Pairs]:
    """The pairs of our own map annotations that the image refers to, by namespace."""
    found: dict[str, Pairs] = {}
    for reference in image.all("AnnotationRef"):
        note = notes.get(reference.get("ID"), Node(None))
        if note.get("Namespace").startswith(PREFIX):
            pairs = tuple((m.get("K"), m.text) for m in note.first("Value").all("M"))
            found[note.get("Namespace")] = found.get(note.get("Namespace"), ()) + pairs
    return found
