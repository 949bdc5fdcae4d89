"""One field to try: its value, a word on whether that was trained, and the way back."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLineEdit, QSizePolicy, QWidget

from napari_metaseg.acquisition.fields import parse_value
from napari_metaseg.acquisition.record import Value
from napari_metaseg.errors import InputError
from napari_metaseg.plugin.trying import TrialField
from napari_metaseg.plugin.widgets.marked_slider import MarkedSlider
from napari_metaseg.plugin.widgets.parts import (
    column,
    combo,
    eliding_label,
    label,
    relook,
    row,
    tool_button,
)
from napari_metaseg.plugin.words import shown

_UNIT_PX = 22
"""Room for the longest unit, so that all sliders are equally long."""
_GOOD_WORDS = ("trained", "sets the scale")


class TrialRow(QWidget):
    """A row of the What if panel. `tried` carries the field's name; its value is `value`."""

    tried = Signal(str)

    def __init__(self, field: TrialField) -> None:
        super().__init__()
        self.field = field
        self._value: Value | None = field.true
        self.title = eliding_label(field.title)
        self.word = label("")
        self.reset = tool_button("↺", f"Back to {field.text(field.true)}, as the image says")
        self.reset.clicked.connect(lambda: self.try_value(field.true))

    @property
    def value(self) -> Value | None:
        """The tried value; None is unknown."""
        return self._value

    @property
    def changed(self) -> bool:
        """Whether it is not the true value."""
        return self._value != self.field.true

    def try_value(self, value: Value | None) -> None:
        """Try a value, as a person would."""
        if value != self._value:
            self.show_value(value)
            self.tried.emit(self.field.name)

    def show_value(self, value: Value | None) -> None:
        """Show a value without telling anybody."""
        self._value = value
        word = self.field.standing(value)
        self.word.setText(word if word in _GOOD_WORDS else f"⚠ {word}")
        relook(self.word, "look", "muted" if word in _GOOD_WORDS else "warn")
        self.word.setToolTip(self.field.sentence(value))
        self.reset.setEnabled(self.changed)
        self._show()

    def _show(self) -> None:
        raise NotImplementedError


class NumberRow(TrialRow):
    """A number: a slider with marks, the number to type, and a button for not knowing it."""

    def __init__(self, field: TrialField, colours: Mapping[str, str]) -> None:
        super().__init__(field)
        assert field.scale is not None
        self.slider = MarkedSlider(field.scale, colours)
        self.slider.marks, self.slider.trained = field.marks, field.trained
        self.slider.true = None if field.true is None else float(field.true)
        self.slider.setToolTip(_tip(field))
        self.slider.setAccessibleName(field.title)
        self.line = QLineEdit()
        self.line.setFixedWidth(50)
        self.line.setPlaceholderText("?")
        self.unknown = tool_button("?", "Try it as if this were unknown")
        self.unknown.clicked.connect(lambda: self.try_value(None))
        self.slider.tried.connect(self.try_value)
        self.line.editingFinished.connect(self._on_typed)
        head = row(self.title, self.word, self.unknown, self.reset)
        head.setStretch(0, 1)
        unit = label(field.unit)
        unit.setMinimumWidth(_UNIT_PX)
        body = row(self.slider, self.line, unit, spacing=4)
        body.setStretch(0, 1)
        self.setLayout(column(head, body, spacing=0))
        self.show_value(field.true)

    def _show(self) -> None:
        value = self._value
        self.slider.show_number(None if value is None else float(value))
        self.line.setText(shown(value))
        relook(self.line, "bad", "false")
        self.unknown.setEnabled(value is not None)

    def _on_typed(self) -> None:
        try:
            value = parse_value(self.field.name, self.line.text())
        except InputError as error:
            self.line.setToolTip(str(error))
            relook(self.line, "bad", "true")
            return
        self.line.setToolTip("")
        if shown(value) != shown(self._value):
            self.try_value(value)
        else:
            relook(self.line, "bad", "false")


class ChoiceRow(TrialRow):
    """A category or truth value: one of those that were trained, the true one, or unknown."""

    def __init__(self, field: TrialField) -> None:
        super().__init__(field)
        self._offered: tuple[Value | None, ...] = (*field.choices, None)
        self.box = combo()
        self.box.setAccessibleName(field.title)
        for value in self._offered:
            own = " (this image)" if value is not None and value == field.true else ""
            self.box.addItem(field.text(value) + own)
        self.box.activated.connect(lambda at: self.try_value(self._offered[at]))
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        head = row(self.title, self.word, self.reset)
        head.setStretch(0, 1)
        self.setLayout(column(head, self.box, spacing=2))
        self.show_value(field.true)

    def _show(self) -> None:
        self.box.setCurrentIndex(self._offered.index(self._value))


def _tip(field: TrialField) -> str:
    true = field.text(field.true)
    trained = field.encoding.trained_text if field.encoding else ""
    seen = f"Green: trained ({trained}{field.unit and ' ' + field.unit}). " if trained else ""
    return f"{seen}Triangle: this image ({true})."


def trial_row(field: TrialField, colours: Mapping[str, str]) -> TrialRow:
    """The row for a field."""
    return ChoiceRow(field) if field.scale is None else NumberRow(field, colours)
