"""A form of settings built from a table: each with an editor and one plain sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qtpy.QtCore import Qt, Signal
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
    """One of several words: each value with its title and its sentence.

    `headings` stand above the option that they are named for.
    """

    name: str
    title: str
    options: Mapping[str, tuple[str, str]]
    headings: Mapping[str, str] = field(default_factory=dict)


Setting = Number | Choice
_TITLE_PX = 64
"""Choices begin below each other, as the lines above the form do."""


class SettingsForm(QWidget):
    """The editors of some settings, one below the other in titled parts."""

    changed = Signal()
    """Another choice was made."""

    def __init__(self, parts: Mapping[str, Sequence[Setting]]) -> None:
        super().__init__()
        self._editors: dict[str, _Editor] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 0, 0, 0)
        layout.setSpacing(10)
        for title, settings in parts.items():
            layout.addSpacing(6)
            layout.addWidget(label(title, "section"))
            for setting in settings:
                layout.addWidget(self._add(setting))

    def _add(self, setting: Setting) -> _Editor:
        if isinstance(setting, Number):
            editor: _Editor = _NumberEditor(setting)
        else:
            editor = _ChoiceEditor(setting)
            editor.chosen.connect(self.changed)
        self._editors[setting.name] = editor
        return editor

    def value(self, name: str) -> Any:
        """One setting, used or not."""
        return self._editors[name].value

    def values(self) -> dict[str, Any]:
        """Every setting that has a say, by its name."""
        used = {n: e for n, e in self._editors.items() if not e.reason and not e.isHidden()}
        return {name: editor.value for name, editor in used.items()}

    def set_value(self, name: str, value: Any) -> None:
        """Set one setting as a person would."""
        self._editors[name].set_value(value)

    def block(self, reasons: Mapping[str, str]) -> None:
        """Turn these settings off, each for its reason, and all others on."""
        for name, editor in self._editors.items():
            editor.block(reasons.get(name, ""))

    def reason(self, name: str) -> str:
        """Why a setting is off; empty if it is not."""
        return self._editors[name].reason

    def show_setting(self, name: str, shown: bool) -> None:
        """Show or hide one setting; hidden ones have no say."""
        self._editors[name].setVisible(shown)


class _Editor(QWidget):
    """A title and a box in one line, a sentence below, which gives way to a reason to be off."""

    def __init__(self, title: str, box: QWidget, stretch: int) -> None:
        super().__init__()
        self.reason = ""
        self._sentence = label("", "muted", wrap=True)
        self._input = box
        name = label(title)
        if stretch:
            name.setMinimumWidth(_TITLE_PX)
        line = row(name, *([] if stretch else [1]), box)
        line.setStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(line)
        layout.addWidget(self._sentence)

    @property
    def value(self) -> Any:
        raise NotImplementedError

    @property
    def sentence(self) -> str:
        raise NotImplementedError

    def set_value(self, value: Any) -> None:
        raise NotImplementedError

    def block(self, reason: str) -> None:
        self.reason = reason
        self._input.setEnabled(not reason)
        self._show_sentence()

    def _show_sentence(self) -> None:
        self._sentence.setText(self.reason or self.sentence)


class _NumberEditor(_Editor):
    def __init__(self, setting: Number) -> None:
        self._setting, self._whole = setting, setting.decimals == 0
        self._spin = QSpinBox() if self._whole else QDoubleSpinBox()
        if not self._whole:
            self._spin.setDecimals(setting.decimals)
        self._spin.setRange(*(int(v) if self._whole else v for v in (setting.low, setting.high)))
        self._spin.setSingleStep(int(setting.step) if self._whole else setting.step)
        self._spin.setFixedWidth(110)
        super().__init__(setting.title, self._spin, 0)
        self.set_value(setting.value)
        self._show_sentence()

    @property
    def value(self) -> Any:
        return self._spin.value()

    @property
    def sentence(self) -> str:
        return self._setting.sentence

    def set_value(self, value: Any) -> None:
        self._spin.setValue(int(value) if self._whole else float(value))


class _ChoiceEditor(_Editor):
    chosen = Signal()

    def __init__(self, setting: Choice) -> None:
        self._options, self._box = setting.options, combo()
        for value, (title, sentence) in setting.options.items():
            if value in setting.headings:
                self._add_heading(setting.headings[value])
            self._box.addItem(title, value)
            self._box.setItemData(self._box.count() - 1, sentence, Qt.ItemDataRole.ToolTipRole)
        super().__init__(setting.title, self._box, 1)
        self.set_value(next(iter(setting.options)))
        self._box.currentIndexChanged.connect(self._on_chosen)
        self._show_sentence()

    def _add_heading(self, text: str) -> None:
        if self._box.count():
            self._box.insertSeparator(self._box.count())
        self._box.addItem(text)
        item = self._box.model().item(self._box.count() - 1)
        item.setFlags(Qt.ItemFlag.NoItemFlags)

    @property
    def value(self) -> Any:
        return self._box.currentData()

    @property
    def sentence(self) -> str:
        return self._options[self._box.currentData()][1]

    def set_value(self, value: Any) -> None:
        self._box.setCurrentIndex(self._box.findData(value))

    def _on_chosen(self, index: int) -> None:
        self._show_sentence()
        self.chosen.emit()
