"""What can be set under Advanced in the Train widget, each with its plain sentence."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QVBoxLayout, QWidget

from napari_metaseg.acquisition.fields import CONDITION_FIELDS
from napari_metaseg.conditioning.encodings import ENCODINGS
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.conditioning.sites import SITE_GROUPS
from napari_metaseg.packages.strategies import STRATEGIES, StrategyInfo
from napari_metaseg.plugin.widgets.parts import label
from napari_metaseg.plugin.widgets.settings_form import Choice, Number, Setting, SettingsForm

RECOMMENDED = "film"
RECOMMENDED_STRATEGY = "conditioned"

SETTINGS: tuple[Setting, ...] = (
    Choice("strategy", "Strategy", {n: (i.label, i.sentence) for n, i in STRATEGIES.items()}),
    Choice("method", "Method", {n: (m.label, m.sentence) for n, m in METHODS.items()}),
    Choice("sites", "Where", {n: (n, s) for n, s in SITE_GROUPS.items()}),
    Choice("encoding", "Encoding", {n: (n, s) for n, s in ENCODINGS.items()}),
    Number(
        "steps", "Steps", "How often it learns; 0 goes by the minutes above.", 0, 1_000_000, 0, 100
    ),
    Number(
        "width", "Width", "Features at full size: more sees finer, and takes longer.", 4, 128, 16, 4
    ),
    Number("depth", "Depth", "How often the image is halved: more sees further around.", 1, 6, 3),
    Number("patch_px", "Patch", "Side of the crops it learns from, in pixels.", 32, 1024, 128, 32),
    Number(
        "batch_size", "Batch", "Crops per step: more is steadier, and takes more memory.", 1, 128, 8
    ),
    Number("learning_rate", "Learning rate", "How far each step goes.", 1e-5, 0.1, 5e-3, 5e-4, 5),
    Number(
        "metadata_dropout",
        "Hide metadata",
        "Share of values hidden in training, so that files with gaps still work.",
        0.0,
        0.9,
        0.1,
        0.05,
        2,
    ),
    Number(
        "max_zoom",
        "Zoom",
        "Crops are enlarged and shrunk up to this, and their magnification with them; 1 is off.",
        1.0,
        4.0,
        3.0,
        0.1,
        1,
    ),
    Number(
        "validation_fraction",
        "Kept aside",
        "Share of the images that only test the model and never train it.",
        0.0,
        0.9,
        0.2,
        0.05,
        2,
    ),
    Choice(
        "loss",
        "Loss",
        {
            "bce+dice": (
                "pixels and overlap",
                "Counts wrong pixels and poor overlap: a safe choice.",
            ),
            "bce": ("pixels", "Counts wrong pixels, each alike."),
            "dice": ("overlap", "Counts poor overlap: for small objects in large images."),
        },
    ),
    Number(
        "seed", "Seed", "The same seed, data and settings give the same model.", 0, 2**31 - 1, 0
    ),
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
        self.fields = FieldsChoice()
        self.form = SettingsForm(SETTINGS)
        self.form.set_value("method", RECOMMENDED)
        self.fields.changed.connect(self.changed)
        self.form.changed.connect(self.changed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(self.fields)
        layout.addWidget(self.form)

    @property
    def method(self) -> str:
        """The method that is chosen."""
        return str(self.form.values()["method"])

    @property
    def strategy(self) -> StrategyInfo:
        """The strategy that is chosen."""
        return STRATEGIES[str(self.form.values()["strategy"])]

    def values(self, minutes: float) -> dict[str, Any]:
        """The settings of a request; `minutes` bounds the run where no steps are set."""
        values = self.form.values()
        steps = values.pop("steps")
        bound = {"steps": steps} if steps else {"minutes": minutes}
        values["sites"] = (values["sites"],)
        return values | bound | {"fields": self.fields.fields}
