"""Changes to the attributes of one image in OME-XML, each noted so that it can be undone.

Other programs see what a person stated; ours sees that and what the file said before. The note is
a map annotation: "Pixels@PhysicalSizeX" → `["0.65", "0.325"]` (before, after; null is absent).
"""

from __future__ import annotations

import json
from xml.etree.ElementTree import Element

from napari_metaseg.images.ome.elements import ImageElements
from napari_metaseg.images.ome.node import to_number
from napari_metaseg.images.ome.tree import child, children, local, make, new_id

_MADE = ("ObjectiveSettings", "Objective", "InstrumentRef", "Instrument")
"""Elements that an edit may add; their coming away undoes it, in this order."""


class ImageEdits(ImageElements):
    """The elements of one image, whose attributes are changed and changed back."""

    def __init__(self, root: Element, image: Element) -> None:
        super().__init__(root, image)
        self.notes: dict[str, str] = {}

    def set(self, key: str, attribute: str, value: str | None) -> None:
        """Give an element's attribute a value (None takes it away) and note what was there."""
        element = self.find(key)
        if element is None:
            element = self._make(key)
        if element is None or element.get(attribute) == value:
            return
        self.notes[f"{key}@{attribute}"] = json.dumps([element.get(attribute), value])
        _put(element, attribute, value)

    def _make(self, key: str) -> Element | None:
        kind, _, index = key.partition(" ")
        if kind == "Plane" and self.pixels is not None:
            return self._make_plane(index)
        if kind == "Objective":
            return self._make_objective()
        return self._make_settings() if kind == "ObjectiveSettings" else None

    def _make_plane(self, index: str) -> Element | None:
        c, z, t = index.split("/")
        assert self.pixels is not None
        plane = make(self.pixels, "Plane", TheZ=z, TheT=t, TheC=c)
        self.planes()[index] = plane
        return plane

    def _make_settings(self) -> Element:
        objective = self.objective()
        if objective is None:
            objective = self._make_objective()
        settings = child(self.image, "ObjectiveSettings")
        if settings is None:
            settings = make(self.image, "ObjectiveSettings", ID=objective.get("ID", ""))
            self._note_made("ObjectiveSettings")
        return settings

    def _make_objective(self) -> Element:
        instrument = self.instrument()
        if instrument is None:
            instrument = make(self.root, "Instrument", ID=new_id(self.root, "Instrument"))
            self._note_made("Instrument")
            self._set_reference(instrument)
        objective = make(instrument, "Objective", ID=new_id(self.root, "Objective"))
        self._note_made("Objective")
        settings = child(self.image, "ObjectiveSettings")
        if settings is None:
            make(self.image, "ObjectiveSettings", ID=objective.get("ID", ""))
            self._note_made("ObjectiveSettings")
        else:
            self.set("ObjectiveSettings", "ID", objective.get("ID"))
        return objective

    def _set_reference(self, instrument: Element) -> None:
        if child(self.image, "InstrumentRef") is None:
            make(self.image, "InstrumentRef", ID=instrument.get("ID", ""))
            self._note_made("InstrumentRef")
        else:
            self.set("InstrumentRef", "ID", instrument.get("ID"))

    def _note_made(self, key: str) -> None:
        self.notes[key] = "added"

    def undo(self, notes: dict[str, str]) -> None:
        """Take back what the notes tell, except where the value was changed again since."""
        for name, text in notes.items():
            key, at, attribute = name.rpartition("@")
            if at and attribute != "ID":
                self._undo_one(key, attribute, text)
        for key in _MADE:
            if notes.get(key) == "added":
                self._remove(key)
        for key in ("ObjectiveSettings", "InstrumentRef"):
            if f"{key}@ID" in notes:
                self._undo_one(key, "ID", notes[f"{key}@ID"])

    def _undo_one(self, key: str, attribute: str, text: str) -> None:
        element, change = self.find(key), _read_change(text)
        if element is None or change is None:
            return
        before, after = change
        if _same(element.get(attribute), after):
            _put(element, attribute, before)

    def _remove(self, key: str) -> None:
        """Settings go last of what leads to the objective, so it is remembered by its ID."""
        if key in ("Objective", "Instrument"):
            self._remove_ours(key)
            return
        element = child(self.image, key)
        if element is not None:
            self.image.remove(element)

    def _remove_ours(self, kind: str) -> None:
        for parent in (self.root, *children(self.root, "Instrument")):
            for element in children(parent, kind):
                if element.get("ID", "").startswith(f"{kind}:metaseg-") and not self._used(element):
                    parent.remove(element)

    def _used(self, element: Element) -> bool:
        references = (
            r
            for image in children(self.root, "Image")
            for r in image
            if local(r) in ("ObjectiveSettings", "InstrumentRef") and image is not self.image
        )
        return any(r.get("ID") == element.get("ID") for r in references)


def _put(element: Element, attribute: str, value: str | None) -> None:
    if value is None:
        element.attrib.pop(attribute, None)
    else:
        element.set(attribute, value)


def _read_change(text: str) -> tuple[str | None, str | None] | None:
    try:
        change = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(change, list) or len(change) != 2:
        return None
    fits = all(part is None or isinstance(part, str) for part in change)
    return (change[0], change[1]) if fits else None


def _same(a: str | None, b: str | None) -> bool:
    """Whether both say the same; a program in between may write a number in another way."""
    if a is None or b is None or a == b:
        return a == b
    x, y = to_number(a), to_number(b)
    return x is not None and y is not None and abs(x - y) <= 1e-9 * max(abs(x), abs(y))
