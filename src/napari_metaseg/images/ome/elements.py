"""The elements of OME-XML in which the terms of one image stand."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from napari_metaseg.images.ome.tree import child, children


class ImageElements:
    """One `Image` of a tree, and what belongs to it."""

    def __init__(self, root: Element, image: Element) -> None:
        self.root, self.image = root, image
        self.pixels = child(image, "Pixels")
        self._planes: dict[str, Element] | None = None

    def find(self, key: str) -> Element | None:
        """The element of a key: "Pixels", "Channel 0", "Plane 0/1/2" (c/z/t), "Objective"…."""
        kind, _, index = key.partition(" ")
        if kind == "Pixels":
            return self.pixels
        if kind == "Channel":
            return self._channel(index)
        if kind == "Plane":
            return self.planes().get(index)
        if kind == "Objective":
            return self.objective()
        return self.instrument() if kind == "Instrument" else child(self.image, kind)

    def _channel(self, index: str) -> Element | None:
        channels = [] if self.pixels is None else children(self.pixels, "Channel")
        known = index.isdecimal() and len(index) < 6 and int(index) < len(channels)
        return channels[int(index)] if known else None

    def planes(self) -> dict[str, Element]:
        """The `Plane` elements by "c/z/t"."""
        if self._planes is None:
            planes = [] if self.pixels is None else children(self.pixels, "Plane")
            self._planes = {"/".join(p.get(f"The{a}", "") for a in "CZT"): p for p in planes}
        return self._planes

    def instrument(self) -> Element | None:
        """The instrument that the image refers to, else the only one there is."""
        instruments = children(self.root, "Instrument")
        reference = child(self.image, "InstrumentRef")
        wanted = None if reference is None else reference.get("ID")
        named = [i for i in instruments if wanted and i.get("ID") == wanted]
        return (named or instruments)[0] if named or len(instruments) == 1 else None

    def objective(self) -> Element | None:
        """The objective that the settings name, else the only one of the instrument."""
        instrument, settings = self.instrument(), child(self.image, "ObjectiveSettings")
        objectives = [] if instrument is None else children(instrument, "Objective")
        wanted = None if settings is None else settings.get("ID")
        if wanted:
            return next((o for o in objectives if o.get("ID") == wanted), None)
        return objectives[0] if len(objectives) == 1 else None
