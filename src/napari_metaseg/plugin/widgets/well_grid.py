"""The wells of a plate as a grid to click: those there are, and which one is shown."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QPushButton, QSizePolicy, QWidget

from napari_metaseg.plugin.plates import Plate, row_letters, well_place
from napari_metaseg.plugin.widgets.parts import empty, label, relook

_LARGE = 24
"""Columns from which a well shows no text and is smaller."""


class WellGrid(QWidget):
    """`chosen` carries the name of a clicked well. Arrow keys walk from well to well."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        self.wells: dict[str, QPushButton] = {}

    def show_plate(self, plate: Plate) -> None:
        """Draw the plate's format; wells that were not imaged are dimmed and off."""
        empty(self._grid)
        self.wells = {}
        by_place = {place: well for well in plate.wells if (place := well_place(well))}
        rows, columns = plate.grid
        for column in range(columns):
            title = str(column + 1) if columns < _LARGE or column % 2 == 0 else ""
            self._grid.addWidget(_title(title), 0, column + 1)
        for row in range(rows):
            self._grid.addWidget(_title(row_letters(row)), row + 1, 0)
            for column in range(columns):
                well = by_place.get((row, column), "")
                self._grid.addWidget(self._well(plate, well, columns), row + 1, column + 1)
        self._add_unplaced(plate, rows)

    def _well(self, plate: Plate, well: str, columns: int) -> QPushButton:
        button = QPushButton()
        button.setProperty("look", "well")
        button.setCheckable(True)
        button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        button.setFixedHeight(12 if columns >= _LARGE else 20)
        button.setEnabled(bool(well))
        if well:
            self._fill(
                button, plate, well, "" if columns >= _LARGE else str(len(plate.wells[well]))
            )
        return button

    def _fill(self, button: QPushButton, plate: Plate, well: str, text: str) -> None:
        fields = len(plate.wells[well])
        words = f"Well {well}: {fields} field{'s' if fields > 1 else ''}"
        has_pixels = well in plate.with_pixels
        button.setText(text)
        button.setToolTip(words + ("" if has_pixels else ", whose pixel files are not here"))
        button.setAccessibleName(words)
        relook(button, "dim", "false" if has_pixels else "true")
        button.clicked.connect(partial(self._on_clicked, well))
        self.wells[well] = button

    def _add_unplaced(self, plate: Plate, rows: int) -> None:
        """Wells whose names are no row and column stand below, by their names."""
        others = [well for well in plate.wells if well_place(well) is None]
        for i, well in enumerate(others):
            button = self._well(plate, well, 1)
            button.setText(well)
            self._grid.addWidget(button, rows + 1 + i, 0, 1, self._grid.columnCount())

    def mark(self, well: str) -> None:
        """Mark the well that is shown."""
        for name, button in self.wells.items():
            button.setChecked(name == well)

    def _on_clicked(self, well: str, *_: object) -> None:
        self.chosen.emit(well)


def _title(text: str) -> QWidget:
    made = label(text, "muted")
    made.setAlignment(Qt.AlignmentFlag.AlignCenter)
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    made.setMinimumWidth(10)
    return made
