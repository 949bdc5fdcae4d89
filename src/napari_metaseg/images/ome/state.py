"""Put what a person stated of an image into its OME-XML: terms where OME has one, and notes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import Element, SubElement

from napari_metaseg.acquisition.record import AcquisitionRecord
from napari_metaseg.images.ome.annotation import (
    REPLACED,
    STATEMENTS,
    Pairs,
    statement_pairs,
)
from napari_metaseg.images.ome.edits import ImageEdits
from napari_metaseg.images.ome.separate import separate
from napari_metaseg.images.ome.stated_terms import stated_terms
from napari_metaseg.images.ome.tree import OmeTree, child, children, local, make, new_id

_RELEASE = re.compile(r"(\d{4}-\d{2})/?\}")
_FIRST_WITH_UNITS = "2015-01"
_MOST_CHANNELS = 1000
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def put_statements(tree: OmeTree, image: Element, record: AcquisitionRecord) -> None:
    """Let `image` say what the record declares, and no longer what it declared before.

    Only attributes that OME has for it change, and our own map annotations. The first of them is
    what other programs see; the second brings back who said it and what the file said before.
    """
    take_back(tree.root, image)
    edits = ImageEdits(tree.root, image)
    changes = tuple(stated_terms(record, _sizes(image), units=_has_units(tree.root)))
    if any(key == "Objective" for key, _, _ in changes):
        separate(edits)
    for key, attribute, text in changes:
        edits.set(key, attribute, text)
    pairs = statement_pairs(record)
    if edits.notes:
        pairs[REPLACED] = tuple(edits.notes.items())
    for namespace, found in pairs.items():
        annotate(tree.root, image, namespace, found)


def take_back(root: Element, image: Element) -> None:
    """Undo what `put_statements` did: the image says again what its file said."""
    ours = list(_own_notes(root, image))
    for _, note in ours:
        if note.get("Namespace") == REPLACED:
            ImageEdits(root, image).undo(dict(_pairs(note)))
    annotations = child(root, "StructuredAnnotations")
    for reference, note in ours:
        image.remove(reference)
        if annotations is not None and not _is_referred_to(root, note):
            annotations.remove(note)
    if annotations is not None and not len(annotations) and ours:
        root.remove(annotations)


def undo_all(root: Element) -> None:
    """Undo the changes of attributes in every image; the notes stay, for the reader."""
    annotations = child(root, "StructuredAnnotations")
    replaced = [
        n for n in (() if annotations is None else annotations) if n.get("Namespace") == REPLACED
    ]
    notes = {note.get("ID"): note for note in replaced}
    for image in children(root, "Image") if notes else ():
        for reference in children(image, "AnnotationRef"):
            if reference.get("ID") in notes:
                ImageEdits(root, image).undo(dict(_pairs(notes[reference.get("ID")])))


def annotate(root: Element, image: Element, namespace: str, pairs: Pairs) -> None:
    """Add a map annotation to the image."""
    value = _add_note(root, image, "MapAnnotation", namespace)
    for key, text in pairs:
        SubElement(value, _sibling_tag(value, "M"), K=clean_text(key)).text = clean_text(text)


def comment(root: Element, image: Element, namespace: str, text: str) -> None:
    """Add a comment annotation to the image."""
    _add_note(root, image, "CommentAnnotation", clean_text(namespace)).text = clean_text(text)


def _add_note(root: Element, image: Element, kind: str, namespace: str) -> Element:
    """An annotation of the image; the element for its value."""
    annotations = child(root, "StructuredAnnotations")
    if annotations is None:
        annotations = make(root, "StructuredAnnotations")
    note = make(annotations, kind, ID=new_id(root, "Annotation"), Namespace=namespace)
    make(image, "AnnotationRef", ID=note.get("ID", ""))
    return make(note, "Value")


def clean_text(text: str) -> str:
    """The text without the characters that XML cannot hold."""
    return _NOT_IN_XML.sub("", text)


def _sibling_tag(element: Element, name: str) -> str:
    return element.tag[: -len(local(element))] + name


def _sizes(image: Element) -> dict[str, int]:
    """How many channels, planes and times can be told apart; colours are one channel."""
    pixels = child(image, "Pixels")
    if pixels is None:
        return {"C": 0, "Z": 0, "T": 0}
    texts = {axis: pixels.get(f"Size{axis}", "") for axis in "CZT"}
    sizes = {a: int(t) if t.isdecimal() and len(t) < 10 else 1 for a, t in texts.items()}
    channels = len(children(pixels, "Channel"))
    return {**sizes, "C": channels or min(sizes["C"], _MOST_CHANNELS)}


def _has_units(root: Element) -> bool:
    release = _RELEASE.search(root.tag)
    return release is None or release[1] >= _FIRST_WITH_UNITS


def _own_notes(root: Element, image: Element) -> Iterable[tuple[Element, Element]]:
    """The image's references to notes of statements, with the notes."""
    annotations = child(root, "StructuredAnnotations")
    notes = {} if annotations is None else {n.get("ID"): n for n in annotations}
    for reference in children(image, "AnnotationRef"):
        note = notes.get(reference.get("ID"))
        if note is not None and note.get("Namespace") in STATEMENTS:
            yield reference, note


def _is_referred_to(root: Element, note: Element) -> bool:
    wanted = note.get("ID")
    return any(local(e) == "AnnotationRef" and e.get("ID") == wanted for e in root.iter())


def _pairs(note: Element) -> Mapping[str, str]:
    value = child(note, "Value")
    return {} if value is None else {m.get("K", ""): m.text or "" for m in children(value, "M")}
