"""OME-XML as a tree that can be changed in places and written with all the rest as it stood."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

_ROOT = re.compile(r"<(?:[\w.-]+:)?OME[\s>/]")
_DECLARATION = re.compile(r"^\s*<\?xml.*?\?>", re.DOTALL)
_XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
_ORDER = {
    "OME": "Rights Project Dataset Folder Experiment Plate Screen Experimenter ExperimenterGroup "
    "Instrument Image StructuredAnnotations ROI BinaryOnly",
    "Instrument": "Microscope Laser Arc Filament LightEmittingDiode GenericExcitationSource "
    "Detector Objective FilterSet Filter Dichroic AnnotationRef",
    "Image": "AcquisitionDate ExperimenterRef Description ExperimentRef ExperimenterGroupRef "
    "InstrumentRef ObjectiveSettings ImagingEnvironment StageLabel Pixels ROIRef "
    "MicrobeamManipulationRef AnnotationRef",
    "Pixels": "Channel BinData TiffData MetadataOnly Plane",
}
"""Children in the sequence that the schema demands (OME 2016-06)."""


@dataclass
class OmeTree:
    """A parsed document: its root, its prefixes (namespace → prefix), and what stood before it."""

    root: Element
    prefixes: dict[str, str]
    prolog: str = ""

    @property
    def images(self) -> list[Element]:
        """The `Image` elements, in order."""
        return children(self.root, "Image")

    def text(self) -> str:
        """The document, with the prefixes it had."""
        return '<?xml version="1.0" encoding="UTF-8"?>' + self.prolog + _serialise(self)


class _Builder(ET.TreeBuilder):
    """Keeps comments, instructions and the prefixes of namespaces."""

    def __init__(self) -> None:
        super().__init__(insert_comments=True, insert_pis=True)
        self.prefixes: dict[str, str] = {}

    def start_ns(self, prefix: str, uri: str) -> None:
        """Remember the first prefix of each namespace."""
        if uri:  # xmlns="" ends the default namespace for what is inside
            self.prefixes.setdefault(uri, prefix)


def parse_tree(xml: str) -> OmeTree:
    """The tree of a document; raises `ValueError` for what is no XML or declares entities."""
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise ValueError("a document type, which OME-XML does not have")
    builder = _Builder()
    found = _ROOT.search(xml)
    start = found.start() if found else 0
    parser = ET.XMLParser(target=builder)
    parser.feed(xml[start:])
    root = parser.close()
    return OmeTree(root, builder.prefixes, _DECLARATION.sub("", xml[:start]).strip())


def local(element: Element) -> str:
    """The tag without its namespace; comments and instructions have none."""
    return element.tag.rsplit("}", 1)[-1] if isinstance(element.tag, str) else ""


def children(parent: Element, tag: str) -> list[Element]:
    """The children with that tag, in any namespace."""
    return [child for child in parent if local(child) == tag]


def child(parent: Element, tag: str) -> Element | None:
    """The first of them."""
    return next((c for c in parent if local(c) == tag), None)


def make(parent: Element, tag: str, **attributes: str) -> Element:
    """A new child in the parent's namespace, at the place that the schema gives it."""
    uri = parent.tag[1:].partition("}")[0] if parent.tag.startswith("{") else ""
    new = Element(f"{{{uri}}}{tag}" if uri else tag, attributes)
    order = _ORDER.get(local(parent), "").split()
    later = set(order[order.index(tag) + 1 :]) if tag in order else set()
    place = next((i for i, c in enumerate(parent) if local(c) in later), len(parent))
    parent.insert(place, new)
    return new


def new_id(root: Element, kind: str) -> str:
    """An ID such as "Objective:metaseg-1" that no element has."""
    taken = {element.get("ID") for element in root.iter()}
    number = 1
    while f"{kind}:metaseg-{number}" in taken:
        number += 1
    return f"{kind}:metaseg-{number}"


def _serialise(tree: OmeTree) -> str:
    """The root with literal prefixes: ElementTree on its own would rename them to ns0, ns1."""
    prefixes = dict(_usable_prefixes(tree))
    copy = _with_prefixes(tree.root, prefixes)
    for uri, prefix in prefixes.items():
        copy.set(f"xmlns:{prefix}" if prefix else "xmlns", uri)
    return ET.tostring(copy, encoding="unicode")


def _usable_prefixes(tree: OmeTree) -> Iterator[tuple[str, str]]:
    """A prefix of its own for each namespace; the root's has none, unless elements have none."""
    root_uri = tree.root.tag[1:].partition("}")[0] if tree.root.tag.startswith("{") else ""
    bare = any(isinstance(e.tag, str) and not e.tag.startswith("{") for e in tree.root.iter())
    attributes = {
        n[1:].partition("}")[0] for e in tree.root.iter() for n in e.attrib if n[0] == "{"
    }
    taken = {"", "xml"}
    for number, (uri, prefix) in enumerate(tree.prefixes.items()):
        if uri == root_uri and prefix == "" and not bare and uri not in attributes:
            yield uri, ""
            continue
        usable = prefix if prefix not in taken else "OME" if uri == root_uri else f"n{number}"
        taken.add(usable)
        yield uri, usable


def _with_prefixes(element: Element, prefixes: dict[str, str]) -> Element:
    if not local(element):
        return element
    copy = Element(_literal(element.tag, prefixes))
    copy.attrib.update({_literal(n, prefixes): v for n, v in element.attrib.items()})
    copy.text, copy.tail = element.text, element.tail
    copy.extend(_with_prefixes(c, prefixes) for c in element)
    return copy


def _literal(name: str, prefixes: dict[str, str]) -> str:
    if not name.startswith("{"):
        return name
    uri, _, plain = name[1:].partition("}")
    prefix = "xml" if uri == _XML_NAMESPACE else prefixes[uri]
    return f"{prefix}:{plain}" if prefix else plain
