"""What else the file says of how an image was taken: read-only, folded away."""

from __future__ import annotations

from napari.layers import Layer
from qtpy.QtWidgets import QGridLayout, QWidget

from napari_metaseg.plugin import known, layers
from napari_metaseg.plugin.widgets.parts import eliding_label, empty, label
from napari_metaseg.plugin.words import shown

_IMAGE = {
    "total_magnification": "Total magnification",
    "detector": "Camera",
    "microscope": "Microscope",
    "acquired_at": "Acquired",
}


class Details(QWidget):
    """A table of the record's further fields that are known."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(12, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        self.texts: dict[str, str] = {}

    def show_layer(self, image: Layer | None) -> None:
        """Show one image; None shows nothing."""
        texts = {} if image is None else _texts(image)
        if texts == self.texts and self._grid.count():
            return
        self.texts = texts
        empty(self._grid)
        for i, (name, text) in enumerate((texts or {"Nothing more": ""}).items()):
            self._grid.addWidget(label(name, "muted"), i, 0)
            value = eliding_label(text)
            value.setToolTip(text)
            self._grid.addWidget(value, i, 1)


def _texts(image: Layer) -> dict[str, str]:
    record, entry = known.record_of(image), layers.info(image)
    texts = {"Channel": record.channel(known.channel_of(image)).name}
    texts |= {title: shown(record.get(name).value) for name, title in _IMAGE.items()}
    place = entry.get("plate")
    if place:
        texts["On the plate"] = f"well {place.get('well')}, field {place.get('field')}"
    texts |= {"Image": str(entry.get("scene", "")), "File": str(entry.get("path", ""))}
    return {name: text for name, text in texts.items() if text}
