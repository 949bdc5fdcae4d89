"""The editor of one field: label, value with its unit, where it came from, revert."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLineEdit, QSizePolicy, QWidget

from napari_metaseg.acquisition.fields import FieldSpec
from napari_metaseg.acquisition.record import MISSING, Value
from napari_metaseg.plugin.facts import Fact
from napari_metaseg.plugin.widgets.parts import eliding_label, label, relook, tool_button
from napari_metaseg.plugin.words import shown

BADGES = {
    "file": "file",
    "user": "you",
    "saved": "you · saved",
    "inferred": "inferred",
    "missing": "–",
}
LABEL_PX, UNIT_PX, BADGE_PX = 108, 20, 67
UNKNOWN = "unknown"
_SHORT = {
    "immersion": "Immersion",
    "plane_offset_um": "Offset",
    "lens_na": "NA",
    "total_magnification": "Total magn.",
    "pixel_size_y_um": "Pixel height",
    "pixel_size_z_um": "Plane step",
    "acquisition_mode": "Mode",
    "refractive_index": "Refr. index",
    "contrast_method": "Contrast",
    "z_offset_um": "Chan. offset",
}
"""What fits beside an editor in a narrow dock; the tooltip has the whole label."""


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
        unit_label.setFixedWidth(UNIT_PX)
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


class FieldRow(QObject):
    """One field in a grid of label, editor, badge and revert.

    `edited` carries name and text; `done` the name, when Enter asks for the next field.
    """

    edited = Signal(str, str)
    done = Signal(str)

    def __init__(self, spec: FieldSpec, grid: QGridLayout, parent: QObject) -> None:
        super().__init__(parent)
        self.spec = spec
        self.name = eliding_label(_SHORT.get(spec.name, spec.label))
        self.name.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.name.setFixedWidth(LABEL_PX)
        self.name.setToolTip(spec.label)
        self.editor = make_editor(spec)
        self.editor.setAccessibleName(spec.label)
        self.badge = label()
        self.badge.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.badge.setFixedWidth(BADGE_PX)
        self.revert = tool_button("↺", "Take the edit back")
        self.revert.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.conflict = ""
        at = grid.rowCount()
        for i, widget in enumerate((self.name, self.editor, self.badge, self.revert)):
            grid.addWidget(widget, at, i)
        self.editor.committed.connect(self._on_committed)
        self.editor.entered.connect(self._on_entered)
        self.revert.clicked.connect(self._on_revert)

    def show_fact(self, fact: Fact) -> None:
        """Show a value, its source, what contradicts it, and what revert would bring back."""
        self.editor.show_value(fact.field.value)
        look = _look(fact)
        self.badge.setText(BADGES[look])
        relook(self.badge, "badge", look)
        self.badge.setToolTip(_where(fact))
        self.revert.setEnabled(fact.own)
        back = _quoted(fact.without, self.spec.unit)
        self.revert.setToolTip(f"Take your edit back: {back}")
        self._show_conflict(fact.conflict)

    def _show_conflict(self, text: str) -> None:
        self.conflict = text
        short = _SHORT.get(self.spec.name, self.spec.label)
        self.name.setText(f"⚠ {short}" if text else short)
        relook(self.name, "look", "warn" if text else "")
        relook(self.editor.frame, "clash", "true" if text else "false")
        for widget in (self.name, self.editor):
            widget.setToolTip(f"⚠ {text}" if text else _told(self.spec, self.editor))
        self.editor.setAccessibleDescription(text)

    def set_enabled(self, enabled: bool) -> None:
        """Whether there is an image to edit."""
        self.editor.setEnabled(enabled)
        if not enabled:
            self.show_fact(Fact(MISSING))

    def focus(self) -> None:
        """Put the cursor into the editor, ready to type over what is there."""
        self.editor.setFocus()
        line = self.editor.typing_line
        if line is not None:
            line.selectAll()

    def _on_committed(self, text: str) -> None:
        self.edited.emit(self.spec.name, text)

    def _on_entered(self) -> None:
        self.done.emit(self.spec.name)

    def _on_revert(self) -> None:
        self.edited.emit(self.spec.name, "")


def _look(fact: Fact) -> str:
    if not fact.field.known:
        return "missing"
    if fact.field.source != "user":
        return fact.field.source
    return "saved" if fact.saved else "user"


def _told(spec: FieldSpec, editor: NumberEditor | ChoiceEditor) -> str:
    unit = f", in {spec.unit}" if spec.unit and spec.unit != "x" else ""
    return f"{spec.label}{unit}: {editor.shown_text or UNKNOWN}"


def _quoted(value: Value | None, unit: str) -> str:
    if value is None:
        return "unknown, as in the file"
    return f"the file's own {shown(value)} {unit if not isinstance(value, str) else ''}".rstrip()


def _where(fact: Fact) -> str:
    found = fact.field
    if not found.known:
        return "Not in the file, and nobody has said. Networks treat it as unknown."
    if found.source == "user":
        if not fact.own:
            return f"You said so; it follows from another field or stands in {found.path}."
        return "You said so, and saved it." if fact.saved else "You said so. Not saved yet."
    if found.source == "inferred":
        return f"Worked out, not stated: {found.path or 'from other values'}"
    stands = f" at {found.path}" if found.path else ""
    original = f", as {found.original!r}" if isinstance(found.original, str) else ""
    return f"Stands in the file{stands}{original}."
