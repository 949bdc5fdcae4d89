"""A form of settings built from a table: each with an editor and one plain sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QSpinBox, QVBoxLayout, QWidget

from napari_metaseg.plugin.widgets.parts import combo, label, row


@dataclass(frozen=True)
class Number:
    """A number between two bounds; `step` of 1 and `decimals` 0 make it whole."""

    name: str
    title: str
    sentence: str
    low: float
    high: float
    value: float
    step: float = 1
    decimals: int = 0


@dataclass(frozen=True)
class Choice:
    """One of several words: each value with its title and its sentence."""

    name: str
    title: str
    options: Mapping[str, tuple[str, str]]


Setting = Number | Choice


class SettingsForm(QWidget):
    """The editors of some settings, one below the other. `values` reads them all."""

    changed = Signal()
    """Another choice was made."""

    def __init__(self, settings: Sequence[Setting]) -> None:
        super().__init__()
        self._editors: dict[str, _NumberEditor | _ChoiceEditor] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 0, 0, 0)
        layout.setSpacing(10)
        for setting in settings:
            editor = (
                _NumberEditor(setting) if isinstance(setting, Number) else _ChoiceEditor(setting)
            )
            self._editors[setting.name] = editor
            if isinstance(editor, _ChoiceEditor):
                editor.chosen.connect(self.changed)
            layout.addWidget(editor)

    def values(self) -> dict[str, Any]:
        """Every setting by its name."""
        return {name: editor.value for name, editor in self._editors.items()}

    def set_value(self, name: str, value: Any) -> None:
        """Set one setting as a person would."""
        self._editors[name].set_value(value)


class _NumberEditor(QWidget):
    def __init__(self, setting: Number) -> None:
        super().__init__()
        self._whole = setting.decimals == 0
        self._spin = QSpinBox() if self._whole else QDoubleSpinBox()
        if not self._whole:
            self._spin.setDecimals(setting.decimals)
        self._spin.setRange(*(int(v) if self._whole else v for v in (setting.low, setting.high)))
        self._spin.setSingleStep(int(setting.step) if self._whole else setting.step)
        self.set_value(setting.value)
        self._spin.setFixedWidth(110)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row(label(setting.title), 1, self._spin))
        layout.addWidget(label(setting.sentence, "muted", wrap=True))

    @property
    def value(self) -> Any:
        return self._spin.value()

    def set_value(self, value: Any) -> None:
        self._spin.setValue(int(value) if self._whole else float(value))


class _ChoiceEditor(QWidget):
    chosen = Signal()

    def __init__(self, setting: Choice) -> None:
        super().__init__()
        self._options = setting.options
        self._box = combo()
        for value, (title, _) in setting.options.items():
            self._box.addItem(title, value)
        self._sentence = label("", "muted", wrap=True)
        self._box.currentIndexChanged.connect(self._show_sentence)
        line = row(label(setting.title), self._box)
        line.setStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(line)
        layout.addWidget(self._sentence)
        self._show_sentence()

    @property
    def value(self) -> Any:
        return self._box.currentData()

    def set_value(self, value: Any) -> None:
        self._box.setCurrentIndex(list(self._options).index(value))

    def _show_sentence(self, index: int = 0) -> None:
        self._sentence.setText(self._options[self._box.currentData()][1])
        self.chosen.emit()
