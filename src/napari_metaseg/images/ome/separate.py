"""An instrument of its own for one image of several that share theirs."""

from __future__ import annotations

from copy import deepcopy
from xml.etree.ElementTree import Element

from napari_metaseg.images.ome.elements import ImageElements
from napari_metaseg.images.ome.tree import child, children, local, make


def separate(elements: ImageElements) -> None:
    """Give the image an instrument of its own, so that a change does not reach other images."""
    instrument = elements.instrument()
    others = [i for i in children(elements.root, "Image") if i is not elements.image]
    sharing = [
        i for i in others if ImageElements(elements.root, i).find("Instrument") is instrument
    ]
    if instrument is None or not sharing:
        return
    for image in sharing:
        if child(image, "InstrumentRef") is None:
            make(image, "InstrumentRef", ID=instrument.get("ID", ""))
    _clone(elements, instrument)


def _clone(elements: ImageElements, instrument: Element) -> None:
    own = deepcopy(instrument)
    ids = {e.get("ID", ""): "" for e in own.iter() if e.get("ID") and not local(e).endswith("Ref")}
    taken = {e.get("ID") for e in elements.root.iter()}
    for old in ids:
        number = 2
        while f"{old}-{number}" in taken:
            number += 1
        ids[old] = f"{old}-{number}"
    place = list(elements.root).index(instrument) + 1
    elements.root.insert(place, own)
    for element in (*own.iter(), *elements.image.iter()):
        element_id = element.get("ID", "")
        if element_id in ids and element is not elements.image:
            element.set("ID", ids[element_id])
    if child(elements.image, "InstrumentRef") is None:
        make(elements.image, "InstrumentRef", ID=own.get("ID", ""))
