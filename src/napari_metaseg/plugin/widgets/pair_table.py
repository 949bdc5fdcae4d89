"""Which images teach with which labels: one line per image, matched as far as can be told."""

from __future__ import annotations

from typing import Any

from napari.layers import Image, Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFrame, QGridLayout, QScrollArea, QWidget

from napari_metaseg.plugin import layers
from napari_metaseg.plugin.learning import LayerPair, suggest_pairs
from napari_metaseg.plugin.previewing import ROLE
from napari_metaseg.plugin.widgets.parts import column, combo, eliding_label, empty, label

_NONE = "no labels"
_ROW_PX, _MOST_ROWS = 27, 7


class PairTable(QWidget):
    """A tick, an image and its labels per line. `changed` when the choice changed."""

    changed = Signal()

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._rows: list[_Row] = []
        self._grid = QGridLayout()
        self._grid.setContentsMargins(6, 4, 6, 4)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(1, 1)
        content = QFrame()
        content.setProperty("look", "card")
        content.setLayout(self._grid)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setWidget(content)
        self._empty = label("Open an image first.", "muted", wrap=True)
        self.setLayout(column(self._scroll, self._empty))
        self.refresh()

    @property
    def pairs(self) -> list[LayerPair]:
        """The ticked images that have labels."""
        found = (r.pair for r in self._rows if r.tick.isChecked())
        return [pair for pair in found if pair is not None]

    def refresh(self) -> None:
        """Show the viewer's images as they are now, keeping what was unticked or chosen."""
        unticked = {r.image.unique_id for r in self._rows if r.pair and not r.tick.isChecked()}
        chosen = {r.image.unique_id: r.chosen for r in self._rows if r.chosen is not None}
        self._clear()
        for image, suggested in suggest_pairs(self._viewer):
            labels = chosen.get(image.unique_id)
            labels = labels if labels in self._viewer.layers else suggested
            new = _Row(image, self._fitting(image), labels)
            new.tick.setChecked(labels is not None and image.unique_id not in unticked)
            new.tick.toggled.connect(self._on_change)
            new.box.activated.connect(self._on_change)
            self._add(new)
        self._scroll.setFixedHeight(min(len(self._rows), _MOST_ROWS) * _ROW_PX + 12)
        self._scroll.setVisible(bool(self._rows))
        self._empty.setVisible(not self._rows)
        self.changed.emit()

    def _fitting(self, image: Image) -> list[Labels]:
        shape = layers.layer_shape(image)
        previews = layers.labels_layers(self._viewer, ROLE)
        every = (la for la in layers.labels_layers(self._viewer) if la not in previews)
        return [labels for labels in every if layers.layer_shape(labels) == shape]

    def _add(self, new: _Row) -> None:
        at = len(self._rows)
        self._rows.append(new)
        for place, widget in enumerate((new.tick, new.name, new.box)):
            self._grid.addWidget(widget, at, place)

    def _clear(self) -> None:
        empty(self._grid)
        self._rows = []

    def _on_change(self, state: object = None) -> None:
        for shown in self._rows:
            shown.tick_if_labelled()
        self.changed.emit()


class _Row:
    """The three editors of one line."""

    def __init__(self, image: Image, fitting: list[Labels], labels: Labels | None) -> None:
        self.image, self._fitting = image, fitting
        self.chosen: Labels | None = None
        self.tick = QCheckBox()
        self.name = eliding_label(image.name)
        self.name.setToolTip(image.name)
        self.box = combo()
        self.box.setFixedWidth(104)
        self.box.addItems([_NONE, *(_short(la.name, image.name) for la in fitting)])
        if labels in fitting:
            self.box.setCurrentIndex(fitting.index(labels) + 1)
        self.box.setToolTip(self.box.currentText())
        self.box.activated.connect(self._on_chosen)
        self.tick.setEnabled(self.pair is not None)

    @property
    def pair(self) -> LayerPair | None:
        """The image with the labels chosen for it."""
        index = self.box.currentIndex() - 1
        return LayerPair(self.image, self._fitting[index]) if index >= 0 else None

    def tick_if_labelled(self) -> None:
        """An image without labels cannot be ticked."""
        self.tick.setEnabled(self.pair is not None)

    def _on_chosen(self, index: int) -> None:
        self.chosen = self._fitting[index - 1] if index > 0 else None
        self.tick.setChecked(index > 0)
        self.box.setToolTip(self.box.currentText())


def _short(name: str, image: str) -> str:
    """A labels layer's name without the name of its image before it."""
    return name.removeprefix(image).strip() or name
