"""What to learn from: layers of this window, or a cohort table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QPushButton, QWidget

from napari_metaseg.acquisition.cohort import LabelKind, read_cohort
from napari_metaseg.errors import InputError
from napari_metaseg.plugin.widgets.pair_table import PairTable
from napari_metaseg.plugin.widgets.parts import column, combo, eliding_label, label, row
from napari_metaseg.plugin.workspace import Workspace

KINDS: dict[LabelKind, str] = {
    "instances": "separate objects",
    "classes": "classes (1, 2, …)",
    "sparse": "scribbles",
}

KIND_TIP = (
    "separate objects: every object has its own number, 0 is background\n"
    "classes: the number says what it is, 0 is background\n"
    "scribbles: 1 is background, 2 and up are classes, 0 was not looked at"
)


class SourceChooser(QWidget):
    """Layers or a cohort. `changed` when the choice changed, `annotate` to add a layer."""

    changed = Signal()
    annotate = Signal()

    def __init__(self, viewer: Any, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self.source = combo()
        self.source.addItems(["layers in this window", "a cohort table (CSV)"])
        self.source.currentIndexChanged.connect(self._on_source)
        self.pairs = PairTable(viewer)
        self.pairs.changed.connect(self._on_changed)
        line = row(label("Learn from"), self.source)
        line.setStretch(1, 1)
        self._layers_page, self._cohort_page = self._make_layers_page(), self._make_cohort_page()
        self.setLayout(column(line, self._layers_page, self._cohort_page, spacing=6))
        workspace.cohort_changed.connect(self._show_cohort)
        self._on_source()
        self._show_cohort()

    def _make_layers_page(self) -> QWidget:
        self.kind = combo()
        for value, words in KINDS.items():
            self.kind.addItem(words, value)
        self.kind.setToolTip(KIND_TIP)
        self.annotate_button = QPushButton("New annotation layer")
        self.annotate_button.setToolTip("Add an empty labels layer that lies on the image above")
        self.annotate_button.clicked.connect(self._on_annotate)
        line = row(label("Labels are"), self.kind)
        line.setStretch(1, 1)
        page = QWidget()
        page.setLayout(column(self.pairs, self.annotate_button, line, spacing=6))
        return page

    def _make_cohort_page(self) -> QWidget:
        self._path = eliding_label("no table yet")
        self._summary = label("", "muted", wrap=True)
        choose = QPushButton("Choose …")
        choose.clicked.connect(self._choose_cohort)
        line = row(self._path, choose)
        line.setStretch(0, 1)
        page = QWidget()
        page.setLayout(column(line, self._summary))
        return page

    @property
    def uses_cohort(self) -> bool:
        """Whether a cohort table is the source."""
        return bool(self.source.currentIndex() == 1)

    @property
    def label_kind(self) -> LabelKind:
        """What the numbers in the labels layers mean."""
        kind: LabelKind = self.kind.currentData()
        return kind

    def use_cohort(self, path: Path) -> None:
        """Learn from a cohort table."""
        self._workspace.cohort = path
        self.source.setCurrentIndex(1)

    def problem(self) -> str:
        """Why there is nothing to learn from; empty if there is."""
        if self.uses_cohort:
            return "" if self._rows else "Choose a table of images and labels first."
        if not self.pairs.pairs:
            return "Tick at least one image that has labels."
        return ""

    def _on_source(self, index: int = 0) -> None:
        self._layers_page.setVisible(not self.uses_cohort)
        self._cohort_page.setVisible(self.uses_cohort)
        self.changed.emit()

    def _on_changed(self) -> None:
        self.changed.emit()

    def _on_annotate(self) -> None:
        self.annotate.emit()

    def _choose_cohort(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self, "Choose a cohort table", "", "Tables (*.csv *.parquet)"
        )
        if chosen:
            self._workspace.cohort = Path(chosen)

    def _show_cohort(self) -> None:
        path = self._workspace.cohort
        self._rows = 0
        if path is not None:
            self._path.setText(path.name)
            self._path.setToolTip(str(path))
            self._summary.setText(self._summarise(path))
        self.changed.emit()

    def _summarise(self, path: Path) -> str:
        try:
            rows = read_cohort(path)
        except InputError as error:
            return str(error)
        self._rows = sum(r.labels is not None for r in rows)
        kept = sum(r.split in ("val", "test") for r in rows)
        aside = f", {kept} of them kept aside for checking" if kept else ""
        return f"{len(rows)} images, {self._rows} with labels{aside}."
