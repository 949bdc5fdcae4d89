"""The rows of everything that can be tried, and the way back to what is true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QPushButton, QVBoxLayout, QWidget

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.acquisition.record import Value
from napari_metaseg.plugin.trying import TIED, TrialField, follow
from napari_metaseg.plugin.widgets.parts import empty, row
from napari_metaseg.plugin.widgets.trial_row import TrialRow, trial_row


class Trials(QWidget):
    """A row a field. `tried` after a person moved one, `reset` after all went back."""

    tried = Signal()

    def __init__(self, colours: Mapping[str, str]) -> None:
        super().__init__()
        self.rows: dict[str, TrialRow] = {}
        self._colours = colours
        self._fields: tuple[TrialField, ...] = ()
        self._truth: Condition = {}
        self.tie = QCheckBox("Pixel size follows magnification")
        self.tie.setChecked(True)
        self.tie.setToolTip("One camera: twice the magnification makes a pixel half as large.")
        self.reset_button = QPushButton("Reset all")
        self.reset_button.clicked.connect(self.reset)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(8)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._rows)
        layout.addLayout(row(self.tie, 1, self.reset_button))

    def show_fields(self, fields: Sequence[TrialField], truth: Condition) -> None:
        """Show these fields; values that are being tried stay where a field stays as it was."""
        self._truth = truth
        if tuple(fields) != self._fields:
            kept = {r.field: r.value for r in self.rows.values() if r.changed}
            self._fields = tuple(fields)
            empty(self._rows)
            self.rows = {field.name: self._add(field) for field in fields}
            for field, value in kept.items():
                if field in self._fields:
                    self.rows[field.name].show_value(value)
        self.tie.setVisible(all(name in self.rows and name in truth for name in TIED))
        self._show_reset()

    def _add(self, field: TrialField) -> TrialRow:
        made = trial_row(field, self._colours)
        made.tried.connect(self._on_tried)
        self._rows.addWidget(made)
        return made

    @property
    def values(self) -> dict[str, Value | None]:
        """What is tried: the fields that are not as the image says."""
        return {name: row.value for name, row in self.rows.items() if row.changed}

    def changes(self) -> list[str]:
        """What is tried and could be noted, a line each."""
        return [
            f"{r.field.title}: {r.field.text(r.field.true)} → {r.field.text(r.value)}"
            for r in self.rows.values()
            if r.changed and r.value is not None
        ]

    def reset(self) -> None:
        """Back to what is true."""
        for one in self.rows.values():
            one.show_value(one.field.true)
        self._show_reset()
        self.tried.emit()

    def _on_tried(self, name: str) -> None:
        other = follow(self._truth, name, self.rows[name].value)
        if other is not None and self.tie.isChecked() and other[0] in self.rows:
            partner = self.rows[other[0]]
            at_home = not self.rows[name].changed
            partner.show_value(partner.field.true if at_home else other[1])
        self._show_reset()
        self.tried.emit()

    def _show_reset(self) -> None:
        self.reset_button.setVisible(bool(self.rows))
        self.reset_button.setEnabled(bool(self.values))
        self.reset_button.setToolTip("" if self.values else "Everything is as the image says")
