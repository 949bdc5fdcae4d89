"""The editors of values: a line for a number with its unit, and usual words to choose from."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QWidget

from napari_metaseg.acquisition.fields import FieldSpec
from napari_metaseg.acquisition.record import Value
from napari_metaseg.plugin.widgets.parts import label, relook
from napari_metaseg.plugin.words import shown

UNKNOWN = "unknown"
_UNIT_PX = 20


class _Line(QLineEdit):
    """A line that leaves undo to its panel while nothing was typed in it."""

    def event(self, event: Any) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and self._is_panels(event):
            event.ignore()
            return False
        return bool(super().event(event))

    def _is_panels(self, event: Any) -> bool:
        undo = event.matches(QKeySequence.StandardKey.Undo) and not self.isUndoAvailable()
        redo = event.matches(QKeySequence.StandardKey.Redo) and not self.isRedoAvailable()
        return bool(undo or redo)


class NumberEditor(QWidget):
    """A line for a number, its unit beside it."""

    committed = Signal(str)
    entered = Signal()

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.line = _Line()
        self.line.setPlaceholderText("?")
        self.line.setMinimumWidth(40)
        self.shown_text = ""
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.line, 1)
        unit_label = label(unit, "muted")
        unit_label.setFixedWidth(_UNIT_PX)
        layout.addWidget(unit_label)
        self.setFocusProxy(self.line)
        self.line.editingFinished.connect(self._on_finished)
        self.line.returnPressed.connect(self.entered)

    @property
    def frame(self) -> QWidget:
        """What carries the mark of a conflict."""
        return self.line

    @property
    def typing_line(self) -> QLineEdit | None:
        """The line to type in."""
        return self.line

    def show_value(self, value: Value | None) -> None:
        """Show a value, dropping what was typed."""
        self.shown_text = shown(value)
        if self.line.text() != self.shown_text:
            self.line.setText(self.shown_text)
            self.line.setCursorPosition(0)
        self.mark(bad=False)

    def mark(self, *, bad: bool) -> None:
        """Show whether the typed text cannot be used."""
        relook(self.line, "bad", "true" if bad else "false")

    def _on_finished(self) -> None:
        if self.line.text().strip() != self.shown_text:
            self.committed.emit(self.line.text())


class ChoiceEditor(QComboBox):
    """Usual words to choose from; `free` lets other words be typed."""

    committed = Signal(str)
    entered = Signal()

    def __init__(self, choices: tuple[str, ...], *, free: bool) -> None:
        super().__init__()
        self.shown_text = ""
        if free:
            self.setEditable(True)
            self.setLineEdit(_Line())
        self.addItems(["" if free else UNKNOWN, *choices])
        self.setMinimumContentsLength(3)
        self.setMinimumWidth(64)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        line = self.typing_line
        if line is not None:
            line.setPlaceholderText(UNKNOWN)
            line.editingFinished.connect(self._on_chosen)
            line.returnPressed.connect(self.entered)
        self.activated.connect(self._on_chosen)

    @property
    def frame(self) -> QWidget:
        """What carries the mark of a conflict."""
        return self

    @property
    def typing_line(self) -> QLineEdit | None:
        """The line to type in, or None where only the words can be chosen."""
        return self.lineEdit()

    def show_value(self, value: Value | None) -> None:
        """Show a value, dropping what was typed."""
        self.shown_text = shown(value)
        if self.isEditable():
            if self.currentText() != self.shown_text:
                self.setEditText(self.shown_text)
            self.lineEdit().setCursorPosition(0)
        else:
            self.setCurrentText(self.shown_text or UNKNOWN)
        self.mark(bad=False)

    def mark(self, *, bad: bool) -> None:
        """Show whether the typed text cannot be used."""
        relook(self, "bad", "true" if bad else "false")

    def wheelEvent(self, event: Any) -> None:
        """Leave the wheel to the panel: scrolling past must not change a value."""
        event.ignore()

    def keyPressEvent(self, event: Any) -> None:
        """Enter goes on to the next field."""
        super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.typing_line is None:
            self.entered.emit()

    def _on_chosen(self, index: int = 0) -> None:
        text = self.currentText()
        text = "" if text == UNKNOWN else text.strip()
        if text != self.shown_text:
            self.committed.emit(text)


def make_editor(spec: FieldSpec) -> NumberEditor | ChoiceEditor:
    """The editor that fits a field's kind."""
    if spec.kind == "float":
        return NumberEditor(spec.unit)
    if spec.kind == "bool":
        return ChoiceEditor(("yes", "no"), free=False)
    return ChoiceEditor(spec.choices, free=not spec.strict)
