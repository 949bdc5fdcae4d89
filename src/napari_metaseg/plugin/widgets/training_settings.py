"""What can be set under Advanced in the Train widget; what has no say is off, with the reason."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QVBoxLayout, QWidget

from napari_metaseg.acquisition.cohort import LabelKind
from napari_metaseg.acquisition.fields import CONDITION_FIELDS
from napari_metaseg.packages.strategies import STRATEGIES, StrategyInfo
from napari_metaseg.plugin.widgets.parts import label
from napari_metaseg.plugin.widgets.settings_form import SettingsForm
from napari_metaseg.plugin.widgets.training_options import (
    FUSION_SETTINGS,
    RECOMMENDED,
    RECOMMENDED_STRATEGY,
    SECTIONS,
    fuses,
    unused,
)


class FieldsChoice(QWidget):
    """Which fields the network sees: ticked ones, or by itself where none is ticked."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._boxes = {n: QCheckBox(f.label) for n, f in CONDITION_FIELDS.items()}
        for box in self._boxes.values():
            box.toggled.connect(self._on_toggled)
        grid = QGridLayout()
        grid.setHorizontalSpacing(6)
        for i, box in enumerate(self._boxes.values()):
            grid.addWidget(box, i // 2, i % 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(label("Metadata it sees"))
        layout.addLayout(grid)
        sentence = "Tick what it should see. None ticked: whatever differs between your images."
        layout.addWidget(label(sentence, "muted", wrap=True))

    @property
    def fields(self) -> tuple[str, ...]:
        """The ticked fields; empty lets the training choose."""
        return tuple(name for name, box in self._boxes.items() if box.isChecked())

    def _on_toggled(self, ticked: bool) -> None:
        self.changed.emit()

    def tick(self, *names: str) -> None:
        """Tick exactly these fields."""
        for name, box in self._boxes.items():
            box.setChecked(name in names)


class AdvancedSettings(QWidget):
    """All settings a newcomer need not see; `values` are those of a training request."""

    changed = Signal()
    """Another strategy or method, or other fields, were chosen."""

    def __init__(self) -> None:
        super().__init__()
        self._labels: LabelKind = "instances"
        self.fields = FieldsChoice()
        self.form = SettingsForm(SECTIONS)
        self.form.set_value("strategy", RECOMMENDED_STRATEGY)
        self.form.set_value("method", RECOMMENDED)
        self._show_unused()
        self.fields.changed.connect(self.changed)
        self.form.changed.connect(self._on_choice)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(self.fields)
        layout.addWidget(self.form)

    @property
    def method(self) -> str:
        """The method that is chosen."""
        return str(self.form.value("method"))

    @property
    def strategy(self) -> StrategyInfo:
        """The strategy that is chosen."""
        return STRATEGIES[str(self.form.value("strategy"))]

    def show_labels(self, kind: LabelKind) -> None:
        """Turn off what labels of this kind cannot teach."""
        self._labels = kind
        self._show_unused()

    def values(self, minutes: float) -> dict[str, Any]:
        """The settings of a request; `minutes` bounds the run where no steps are set.

        Settings that have no say are left out.
        """
        values = self.form.values()
        steps = values.pop("steps")
        bound = {"steps": steps} if steps else {"minutes": minutes}
        if "sites" in values:
            values["sites"] = (values["sites"],)
        return values | bound | {"fields": self.fields.fields}

    def _on_choice(self) -> None:
        self._show_unused()
        self.changed.emit()

    def _show_unused(self) -> None:
        self.form.block(unused(self.strategy.name, self.method, self._labels))
        for name in FUSION_SETTINGS:
            self.form.show_setting(name, fuses(self.strategy.name, self.method))
