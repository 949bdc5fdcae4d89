"""What else the file says of how an image was taken: read-only, folded away."""

from __future__ import annotations

from napari.layers import Layer
from qtpy.QtWidgets import QGridLayout, QWidget

from napari_metaseg.acquisition.record import AcquisitionRecord, Field
from napari_metaseg.plugin import layers
from napari_metaseg.plugin.widgets.fields import shown
from napari_metaseg.plugin.widgets.parts import eliding_label, empty, label

_IMAGE = {
    "lens_na": ("Numerical aperture", ""),
    "refractive_index": ("Refractive index", ""),
    "pixel_size_z_um": ("Step between planes", "µm"),
    "detector": ("Camera", ""),
    "microscope": ("Microscope", ""),
    "acquired_at": ("Acquired", ""),
}
_CHANNEL = {
    "contrast_method": ("Contrast method", ""),
    "illumination_type": ("Illumination", ""),
    "acquisition_mode": ("Mode", ""),
    "excitation_nm": ("Excitation", "nm"),
    "emission_nm": ("Emission", "nm"),
    "binning": ("Binning", ""),
}


class Details(QWidget):
    """A table of the record's further fields that are known."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(12, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        self.texts: dict[str, str] = {}

    def show_record(self, record: AcquisitionRecord | None, image: Layer | None) -> None:
        """Show one record; None shows nothing."""
        texts = {} if record is None or image is None else _texts(record, image)
        if texts == self.texts and self._grid.count():
            return
        self.texts = texts
        empty(self._grid)
        for i, (name, text) in enumerate((texts or {"Nothing more": ""}).items()):
            self._grid.addWidget(label(name, "muted"), i, 0)
            value = eliding_label(text)
            value.setToolTip(text)
            self._grid.addWidget(value, i, 1)


def _texts(record: AcquisitionRecord, image: Layer) -> dict[str, str]:
    channel = record.channel(int(layers.info(image).get("channel", 0)))
    texts = {"Channel": channel.name} if channel.name else {}
    texts |= {t: _text(record.get(n), u) for n, (t, u) in _IMAGE.items()}
    texts |= {t: _text(channel.get(n), u) for n, (t, u) in _CHANNEL.items()}
    texts["File"] = str(layers.info(image).get("path", ""))
    return {name: text for name, text in texts.items() if text}


def _text(found: Field, unit: str) -> str:
    return f"{shown(found.value)} {unit}".strip() if found.known else ""
