"""One row of the form: label, value with its unit, where it came from, revert."""

from __future__ import annotations

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QGridLayout, QSizePolicy

from napari_metaseg.acquisition.fields import FieldSpec
from napari_metaseg.acquisition.record import MISSING, Value
from napari_metaseg.plugin.facts import Fact
from napari_metaseg.plugin.widgets.editors import UNKNOWN, ChoiceEditor, NumberEditor, make_editor
from napari_metaseg.plugin.widgets.parts import eliding_label, label, relook, tool_button
from napari_metaseg.plugin.words import shown

BADGES = {
    "file": "file",
    "user": "you",
    "saved": "you · saved",
    "inferred": "inferred",
    "missing": "–",
}
LABEL_PX, BADGE_PX = 106, 65
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
