"""The editor of one condition field: label, value with its unit, where it came from, revert."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLineEdit, QWidget

from napari_metaseg.acquisition.fields import FieldSpec
from napari_metaseg.acquisition.record import Field, Value
from napari_metaseg.plugin.widgets.parts import label, relook, tool_button

BADGES = {"file": "file", "user": "you", "inferred": "inferred", "missing": "–"}
_WORDS = {"True": "yes", "False": "no"}
UNKNOWN = "unknown"
_SHORT = {"immersion": "Immersion"}


def shown(value: Value | None) -> str:
    """A value as people write it: numbers without trailing zeros, yes and no, empty if unknown."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _WORDS[str(value)]
    return f"{value:.6g}" if isinstance(value, float | int) else value


class NumberEditor(QWidget):
    """A line for a number, its unit beside it."""

    committed = Signal(str)

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.line = QLineEdit()
        self.line.setPlaceholderText(UNKNOWN)
        self.line.setMinimumWidth(40)
        self._shown = ""
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.line, 1)
        unit_label = label(unit, "muted")
        unit_label.setFixedWidth(27)
        layout.addWidget(unit_label)
        self.line.editingFinished.connect(self._on_finished)

    def show_value(self, value: Value | None) -> None:
        """Show a value, dropping what was typed."""
        self._shown = shown(value)
        self.line.setText(self._shown)
        self.mark(bad=False)

    def mark(self, *, bad: bool) -> None:
        """Show whether the typed text cannot be used."""
        relook(self.line, "bad", "true" if bad else "false")

    def _on_finished(self) -> None:
        if self.line.text().strip() != self._shown:
            self.committed.emit(self.line.text())


class ChoiceEditor(QComboBox):
    """Usual words to choose from; `free` lets other words be typed."""

    committed = Signal(str)

    def __init__(self, choices: tuple[str, ...], *, free: bool) -> None:
        super().__init__()
        self._shown = ""
        self.setEditable(free)
        self.addItems(["" if free else UNKNOWN, *choices])
        self.setMinimumContentsLength(3)
        self.setMinimumWidth(64)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        line = self.lineEdit()
        if line is not None:
            line.setPlaceholderText(UNKNOWN)
            line.editingFinished.connect(self._on_chosen)
        self.activated.connect(self._on_chosen)

    def show_value(self, value: Value | None) -> None:
        """Show a value, dropping what was typed."""
        self._shown = shown(value)
        self.setToolTip(self._shown)
        if self.isEditable():
            self.setEditText(self._shown)
            self.lineEdit().setCursorPosition(0)
        else:
            self.setCurrentText(self._shown or UNKNOWN)

    def mark(self, *, bad: bool) -> None:
        """Show whether the typed text cannot be used."""
        if self.lineEdit() is not None:
            relook(self.lineEdit(), "bad", "true" if bad else "false")

    def wheelEvent(self, event: Any) -> None:
        """Leave the wheel to the panel: scrolling past must not change a value."""
        event.ignore()

    def _on_chosen(self, index: int = 0) -> None:
        text = self.currentText()
        text = "" if text == UNKNOWN else text.strip()
        if text != self._shown:
            self.committed.emit(text)


def make_editor(spec: FieldSpec) -> NumberEditor | ChoiceEditor:
    """The editor that fits a field's kind."""
    if spec.kind == "float":
        return NumberEditor(spec.unit)
    if spec.kind == "bool":
        return ChoiceEditor(("yes", "no"), free=False)
    return ChoiceEditor(spec.choices, free=True)


class FieldRow(QObject):
    """One field in a grid of label, editor, badge and revert. `edited` carries name and text."""

    edited = Signal(str, str)

    def __init__(self, spec: FieldSpec, grid: QGridLayout, parent: QObject) -> None:
        super().__init__(parent)
        self.spec = spec
        self.name = label(_SHORT.get(spec.name, spec.label))
        self.name.setToolTip(spec.label)
        self.editor = make_editor(spec)
        self.editor.setAccessibleName(spec.label)
        self.badge = label()
        self.badge.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.revert = tool_button("↺", "Take the edit back")
        for i, widget in enumerate((self.name, self.editor, self.badge, self.revert)):
            grid.addWidget(widget, grid.rowCount() if i == 0 else grid.rowCount() - 1, i)
        self.editor.committed.connect(self._on_committed)
        self.revert.clicked.connect(self._on_revert)

    def show_field(self, found: Field, without_edit: Value | None) -> None:
        """Show a value, its source, and what revert would bring back."""
        self.editor.show_value(found.value)
        source = found.source if found.known else "missing"
        self.badge.setText(BADGES[source])
        relook(self.badge, "badge", BADGES[source] if found.known else "missing")
        self.badge.setToolTip(_where(found))
        self.revert.setEnabled(source == "user")
        back = _quoted(without_edit, self.spec.unit)
        self.revert.setToolTip(f"Take your edit back: {back}")

    def set_enabled(self, enabled: bool) -> None:
        """Whether there is an image to edit."""
        self.editor.setEnabled(enabled)

    def _on_committed(self, text: str) -> None:
        self.edited.emit(self.spec.name, text)

    def _on_revert(self) -> None:
        self.edited.emit(self.spec.name, "")


def _quoted(value: Value | None, unit: str) -> str:
    if value is None:
        return "unknown, as in the file"
    return f"the file's own {shown(value)} {unit if not isinstance(value, str) else ''}".rstrip()


def _where(found: Field) -> str:
    if not found.known:
        return "Not in the file, and nobody has said. Networks treat it as unknown."
    if found.source == "user":
        return "You said so."
    if found.source == "inferred":
        return f"Worked out, not stated: {found.path or 'from other values'}"
    stands = f" at {found.path}" if found.path else ""
    return f"Read from the file{stands}"
