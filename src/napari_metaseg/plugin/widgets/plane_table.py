"""The table of a stack's planes: click a row to go there, type to state, fill offsets at once."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QModelIndex, Qt, Signal
from qtpy.QtGui import QFont
from qtpy.QtWidgets import QDoubleSpinBox, QHeaderView, QPushButton, QSpinBox, QWidget

from napari_metaseg.plugin.layers import PlaneIndex
from napari_metaseg.plugin.planes import PlaneSheet, offsets
from napari_metaseg.plugin.widgets.edit_table import EditTable, SheetModel
from napari_metaseg.plugin.widgets.parts import column, label, row

_ROW_PX, _MOST_ROWS, _INDEX_PX = 22, 8, 40


class PlaneModel(SheetModel):
    """The planes with the look of their sources; `here` is the row of the shown plane."""

    here = -1

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, alignment, font by source, and in words what the cell is."""
        sheet, at = self.sheet, (index.row(), index.column())
        if not isinstance(sheet, PlaneSheet):
            return None
        if role == Qt.ItemDataRole.DisplayRole and index.column() == 0:
            mark = "▸ " if index.row() == self.here else ""
            return mark + sheet.text(*at)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.FontRole:
            return self._font(sheet, at)
        if role == Qt.ItemDataRole.ToolTipRole and sheet.editable(*at):
            return source_words(sheet.field(*at).source)
        return super().data(index, role)

    def _font(self, sheet: PlaneSheet, at: tuple[int, int]) -> QFont:
        font = QFont()
        if sheet.editable(*at):
            source = sheet.field(*at).source
            font.setBold(source == "user")
            font.setItalic(source == "inferred")
        else:
            font.setBold(at[0] == self.here)
        return font

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """The titles, with a sentence each."""
        is_tip = role == Qt.ItemDataRole.ToolTipRole and orientation == Qt.Orientation.Horizontal
        if is_tip and isinstance(self.sheet, PlaneSheet):
            return self.sheet.tip(section)
        return super().headerData(section, orientation, role)

    def editable(self, row: int, column: int) -> bool:
        """Fields can be edited, where a plane is cannot."""
        return isinstance(self.sheet, PlaneSheet) and self.sheet.editable(row, column)

    def mark(self, here: int) -> None:
        """Mark the row of the shown plane."""
        if here != self.here:
            self.here = here
            self.changed()


def source_words(source: str) -> str:
    """Where a value came from, for a tooltip."""
    return {
        "user": "You said so (bold)",
        "inferred": "Worked out, not stated (italic)",
        "missing": "Not known",
    }.get(source, "Stands in the file")


class PlaneTable(QWidget):
    """`chosen` carries the plane of a clicked row, `refused` why something was not done."""

    chosen = Signal(object)
    refused = Signal(str)
    edited = Signal(str)
    """An edit was made; the text says what."""

    def __init__(self, sheet: PlaneSheet) -> None:
        super().__init__()
        self.model = PlaneModel(sheet)
        self.table = EditTable(self.model)
        self.table.verticalHeader().setDefaultSectionSize(_ROW_PX)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(34)
        self.fill_button = QPushButton("Fill down")
        self.fill_button.setToolTip("Repeat the top selected cell in those below it (Ctrl+D)")
        self.focus_z, self.step = QSpinBox(), QDoubleSpinBox()
        self.offsets_button = QPushButton("Fill offsets")
        self._lay_out()
        self.table.clicked.connect(self._on_clicked)
        self.table.refused.connect(self.refused)
        self.table.written.connect(self._on_written)
        self.fill_button.clicked.connect(self.table.fill_down)
        self.offsets_button.clicked.connect(self.fill_offsets)

    def _lay_out(self) -> None:
        self.step.setDecimals(3)
        self.step.setRange(-10_000, 10_000)
        self.step.setToolTip("From one plane to the next; negative if z counts downwards")
        self.focus_z.setToolTip("Number of the plane that is in focus")
        self.offsets_button.setToolTip("Work out the offset of every plane; one step to undo")
        for spin, name in ((self.focus_z, "Plane in focus"), (self.step, "Step in µm")):
            spin.setAccessibleName(name)
            spin.setButtonSymbols(spin.ButtonSymbols.NoButtons)
            spin.setProperty("look", "small")
            spin.setFixedWidth(60)
        numbers = (
            label("In focus: z"),
            self.focus_z,
            label("step"),
            self.step,
            label("µm", "muted"),
        )
        self.table.setToolTip("Click a row to go there; type to state a value for what is selected")
        buttons = row(self.offsets_button, self.fill_button, 1)
        self.setLayout(column(self.table, row(*numbers, 1, spacing=4), buttons, spacing=5))

    def show_sheet(self, sheet: PlaneSheet, step_um: float | None, here: PlaneIndex) -> None:
        """Show a layer's planes; `step_um` is offered for the offsets."""
        same = isinstance(self.model.sheet, PlaneSheet) and (
            self.model.sheet.planes == sheet.planes and self.model.sheet.columns == sheet.columns
        )
        if same:
            self.model.sheet = sheet
            self.model.changed()
        else:
            self.model.show_sheet(sheet)
            self._fit(sheet)
        if not same or not self.step.value():
            self.step.setValue(step_um or 0.0)
        self.show_plane(here)

    def _fit(self, sheet: PlaneSheet) -> None:
        header = self.table.horizontalHeader()
        for at, name in enumerate(sheet.columns):
            narrow = len(name) == 1
            mode = QHeaderView.ResizeMode.Fixed if narrow else QHeaderView.ResizeMode.Stretch
            header.setSectionResizeMode(at, mode)
            if narrow:
                self.table.setColumnWidth(at, _INDEX_PX)
        rows = min(sheet.row_count, _MOST_ROWS)
        self.table.setFixedHeight(rows * _ROW_PX + header.sizeHint().height() + 6)
        depth = max((plane.z for plane in sheet.planes), default=0) + 1
        self.focus_z.setRange(1, depth)
        self.focus_z.setValue((depth + 1) // 2)

    def show_plane(self, plane: PlaneIndex) -> None:
        """Mark the plane that the viewer shows."""
        sheet = self.model.sheet
        if isinstance(sheet, PlaneSheet) and plane in sheet.planes:
            at = sheet.planes.index(plane)
            self.model.mark(at)
            self.table.scrollTo(self.model.index(at, 0))

    def fill_offsets(self) -> None:
        """State every plane's offset from the plane in focus and the step."""
        sheet = self.model.sheet
        if not self.step.value():
            self.refused.emit("Give the step between planes first.")
        elif isinstance(sheet, PlaneSheet):
            sheet.state(offsets(sheet.planes, self.focus_z.value() - 1, self.step.value()))
            self.edited.emit(f"Noted an offset for each of {sheet.row_count} planes.")

    def _on_clicked(self, index: QModelIndex) -> None:
        sheet = self.model.sheet
        if isinstance(sheet, PlaneSheet):
            self.chosen.emit(sheet.planes[index.row()])

    def _on_written(self, count: int) -> None:
        self.edited.emit(f"Noted {count} values." if count > 1 else "Noted the value.")
