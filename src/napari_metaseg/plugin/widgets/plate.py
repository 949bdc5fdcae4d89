"""The Plate widget: choose a well and a field; its channels come into the same layers."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QCheckBox, QFileDialog, QSizePolicy, QSpinBox

from napari_metaseg.errors import InputError
from napari_metaseg.plugin import layers
from napari_metaseg.plugin.plates import Plate, open_plate, plate_path, show_field
from napari_metaseg.plugin.widgets.actions import menu_button
from napari_metaseg.plugin.widgets.frame import Panel
from napari_metaseg.plugin.widgets.parts import ProgressRow, label, row
from napari_metaseg.plugin.widgets.well_grid import WellGrid
from napari_metaseg.plugin.words import counted


class PlateWidget(Panel):
    """Browses the plate that was opened last, or the one that the image in focus is of."""

    title = "Plate"

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.plate: Plate | None = None
        self._wanted: Path | None = None
        self.name = label("", "section")
        self.summary = label("", "muted", wrap=True)
        self.grid = WellGrid()
        self.field, self.of_fields = QSpinBox(), label("", "muted")
        self.field.setAccessibleName("Field")
        self.field.setKeyboardTracking(False)
        self.field.setMinimumWidth(64)
        self.new_layers = QCheckBox("Keep what is shown, add new layers")
        self.progress = ProgressRow()
        self.open_button, menu = menu_button("Open a plate", "Another plate than the one shown")
        menu.addAction("Its folder …", self._ask_folder)
        menu.addAction("Its index file …", self._ask_file)
        self.name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        top = row(self.name, self.open_button)
        top.setStretch(0, 1)
        self.body.addLayout(top)
        for widget in (self.summary, self.grid):
            self.body.addWidget(widget)
        self.body.addLayout(row(label("Field"), self.field, self.of_fields, 1))
        for widget in (self.new_layers, self.progress):
            self.body.addWidget(widget)
        self.body.addStretch(1)
        self.grid.chosen.connect(self.show_well)
        self.field.valueChanged.connect(self._on_field)
        self.progress.stopped.connect(self.cancel)
        self.focus.layer_changed.connect(self._on_focus)
        self.focus.record_changed.connect(self._follow)
        self._show()
        self._on_focus()

    def _ask_folder(self) -> None:
        self._chosen(QFileDialog.getExistingDirectory(self, "Choose the plate's folder"))

    def _ask_file(self) -> None:
        kinds = "Plate indexes (*.xml *.HTD *.htd *.mlf *.mes *.mrf);;All files (*)"
        self._chosen(QFileDialog.getOpenFileName(self, "Choose the plate's index", "", kinds)[0])

    def _chosen(self, text: str) -> None:
        if text:
            self.open_plate(Path(text))

    def open_plate(self, path: Path) -> None:
        """Read a plate in the background and show its wells."""
        if self.busy or (self.plate is not None and self.plate.path == path):
            return
        self._wanted = path
        self.progress.begin(f"Reading {path.name} …")
        self.say(f"Reading {path.name} …", "busy")
        self.run_job(partial(open_plate, path))

    def on_result(self, result: object) -> None:
        """The plate is read."""
        if isinstance(result, Plate):
            self.plate = result
            self.grid.show_plate(result)
            self._show()
            self._follow()

    def on_finished(self, outcome: str) -> None:
        """Reading is over."""
        self.progress.end()
        if outcome == "stopped":
            self.say("Stopped.", "warn")

    def _on_focus(self) -> None:
        """Follow the image in focus to its plate."""
        path = plate_path(self.focus.image)
        if path is not None and path != self._wanted:
            self.open_plate(path)
        self._follow()
        if path is None and self.plate is None and not self.busy:
            self.say("Open a plate: its index file, or its folder (File ▸ Open Folder).")

    def _show(self) -> None:
        plate = self.plate
        for widget in (self.grid, self.new_layers):
            widget.setEnabled(plate is not None)
        if plate is None:
            return
        fields = sum(len(own) for own in plate.wells.values())
        absent = len(plate.wells) - len(plate.with_pixels)
        words = f"{counted(len(plate.wells), 'well')}, {counted(fields, 'field')}"
        dashed = f"; {absent} (dashed) without their pixel files" if absent else ""
        self.name.setText(plate.name)
        self.summary.setText(f"{words}{dashed}. A number tells how many fields a well has.")
        self.say("Click a well to look at it.")

    @property
    def here(self) -> tuple[str, int] | None:
        """The well and field of the image in focus, where it is of this plate."""
        image = self.focus.image
        if image is None or self.plate is None or plate_path(image) != self.plate.path:
            return None
        at = layers.info(image)["plate"]
        return str(at["well"]), int(at["field"])

    def _follow(self) -> None:
        """Mark the well and field that are shown."""
        here = self.here
        known = self.plate is not None and here is not None and here[0] in self.plate.wells
        self.field.setEnabled(known)
        self.field.setToolTip("" if known else "Click a well first")
        if self.plate is None or here is None or not known:
            self.of_fields.setText("")
            self.grid.mark("")
            return
        well, field = here
        numbers = sorted(self.plate.wells[well])
        self.grid.mark(well)
        self.field.blockSignals(True)
        self.field.setRange(1, len(numbers))
        self.field.setValue(numbers.index(field) + 1 if field in numbers else 1)
        self.field.blockSignals(False)
        self.of_fields.setText(f"of {len(numbers)} in well {well}")

    def show_well(self, well: str) -> None:
        """Show a well: the field that is shown now, or its first."""
        if self.plate is None:
            return
        numbers = sorted(self.plate.wells[well])
        here = self.here
        self._show_field(well, here[1] if here and here[1] in numbers else numbers[0])

    def _on_field(self, number: int) -> None:
        here = self.here
        if self.plate is not None and here is not None:
            self._show_field(here[0], sorted(self.plate.wells[here[0]])[number - 1])

    def _show_field(self, well: str, field: int) -> None:
        if self.plate is None:
            return
        source = self.plate.wells[well][field]
        try:
            shown = show_field(self.viewer, source, new_layers=self.new_layers.isChecked())
        except InputError as error:
            self.say(str(error), "warn")
            self.grid.mark(self.here[0] if self.here else "")
            return
        if self.focus.image not in shown:
            self.viewer.layers.selection.active = shown[0]
        self._follow()
        self.say(f"Well {well}, field {field}: {counted(len(shown), 'channel')}.", "good")
