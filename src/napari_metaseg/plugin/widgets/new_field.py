"""Declare a field of one's own for a project: its name, type, unit and allowed values."""

from __future__ import annotations

from typing import Literal

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QLineEdit, QPushButton, QWidget

from napari_metaseg.acquisition.fields import FieldSpec
from napari_metaseg.plugin.widgets.parts import column, combo, label, row

_KINDS: dict[str, Literal["text", "float", "bool"]] = {
    "text": "text",
    "number": "float",
    "yes or no": "bool",
}


class NewField(QWidget):
    """A small form; `declared` carries the field. The panel writes the project's file."""

    declared = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.name, self.unit, self.values = QLineEdit(), QLineEdit(), QLineEdit()
        self.kind = combo()
        self.kind.addItems(list(_KINDS))
        self.name.setPlaceholderText("such as cell line")
        self.unit.setPlaceholderText("such as µM")
        self.values.setPlaceholderText("such as HeLa, U2OS")
        self.values.setToolTip("Separated by commas. Empty allows any text.")
        self.place = label("", "muted", wrap=True)
        self.add_button = QPushButton("Add the field")
        form = QFormLayout()
        form.setContentsMargins(8, 0, 0, 0)
        form.setVerticalSpacing(4)
        rows = {"Name": self.name, "Kind": self.kind, "Unit": self.unit, "Allowed": self.values}
        for title, editor in rows.items():
            form.addRow(title, editor)
            editor.setAccessibleName(title)
        self.setLayout(column(form, self.place, row(1, self.add_button), spacing=6))
        self.kind.currentTextChanged.connect(self._on_kind)
        self.add_button.clicked.connect(self._on_add)
        self._on_kind()

    def offer(self, place: str, reason: str) -> None:
        """Say where the field will be written; `reason` says why it cannot be, if so."""
        self.place.setText(reason or place)
        self.add_button.setEnabled(not reason)
        self.add_button.setToolTip(reason or "Add this field to every image of the project")

    def clear(self) -> None:
        """Empty the form for the next field."""
        for editor in (self.name, self.unit, self.values):
            editor.clear()

    def _on_kind(self, text: str = "") -> None:
        kind = _KINDS[self.kind.currentText()]
        self.unit.setEnabled(kind == "float")
        self.unit.setToolTip("" if kind == "float" else "Numbers have units")
        self.values.setEnabled(kind == "text")

    def _on_add(self) -> None:
        kind = _KINDS[self.kind.currentText()]
        name = " ".join(self.name.text().split())
        parts = self.values.text().split(",") if kind == "text" else []
        allowed = tuple(" ".join(part.split()) for part in parts if part.strip())
        unit = self.unit.text().strip() if kind == "float" else ""
        self.declared.emit(FieldSpec(name, kind, name, unit, allowed, strict=bool(allowed)))
