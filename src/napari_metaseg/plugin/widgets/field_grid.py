"""A grid of fields, one a row: shown from facts, edited, and walked through with Enter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QGridLayout, QWidget

from napari_metaseg.acquisition.fields import FieldSpec
from napari_metaseg.plugin.facts import Fact
from napari_metaseg.plugin.widgets.fields import FieldRow
from napari_metaseg.plugin.widgets.parts import empty


class FieldGrid(QWidget):
    """The rows of some fields. `edited` carries a field's name and the text typed for it."""

    edited = Signal(str, str)
    left = Signal()
    """Enter was pressed in the last row."""

    def __init__(self, specs: Iterable[FieldSpec] = ()) -> None:
        super().__init__()
        self.rows: dict[str, FieldRow] = {}
        self._specs: tuple[FieldSpec, ...] = ()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(2)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self.set_specs(tuple(specs))

    def set_specs(self, specs: tuple[FieldSpec, ...]) -> None:
        """Show these fields; nothing happens where they are the same as before."""
        if specs == self._specs:
            return
        empty(self._grid)
        for row in self.rows.values():
            row.deleteLater()
        self._specs, self.rows = specs, {}
        for spec in specs:
            row = self.rows[spec.name] = FieldRow(spec, self._grid, self)
            row.edited.connect(self.edited)
            row.done.connect(self._on_done)

    def show_facts(self, facts: Mapping[str, Fact]) -> None:
        """Show the fields that `facts` tells of; without any, the rows are empty and off."""
        for name, row in self.rows.items():
            row.set_enabled(bool(facts))
            if name in facts:
                row.show_fact(facts[name])

    def focus_first(self) -> bool:
        """Put the cursor into the first row; whether there is one."""
        first = next(iter(self.rows.values()), None)
        if first is not None:
            first.focus()
        return first is not None

    def _on_done(self, name: str) -> None:
        # The line emits its text right after Enter: what came of it is known only then.
        QTimer.singleShot(0, lambda: self._go_on(name))

    def _go_on(self, name: str) -> None:
        if name not in self.rows or self.rows[name].editor.frame.property("bad") == "true":
            return
        names = list(self.rows)
        at = names.index(name) + 1
        if at < len(names):
            self.rows[names[at]].focus()
        else:
            self.left.emit()
