"""The cohort's table: badges by source in words, letters and colour; click a title to sort."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QModelIndex, Qt, Signal
from qtpy.QtGui import QColor, QFont
from qtpy.QtWidgets import QHeaderView

from napari_metaseg.plugin.cohort.entries import IN_TABLE
from napari_metaseg.plugin.cohort.sheet import CohortSheet
from napari_metaseg.plugin.sheet import Cell
from napari_metaseg.plugin.widgets.edit_table import EditTable, SheetModel
from napari_metaseg.plugin.widgets.plane_table import source_words

_NAME_PX, _LEAST_PX, _MOST_PX = 110, 56, 150
_Role = Qt.ItemDataRole


class CohortModel(SheetModel):
    """Shows a cohort's sheet; `colours` gives the theme's colours by their use."""

    def __init__(self, sheet: CohortSheet, colours: Callable[[], dict[str, str]]) -> None:
        super().__init__(sheet)
        self._colours = colours
        self.cohort = sheet

    def show_cohort(self, sheet: CohortSheet) -> None:
        """Show another cohort."""
        self.cohort = sheet
        self.show_sheet(sheet)

    def data(self, index: QModelIndex, role: int = _Role.DisplayRole) -> Any:
        """Text (a range where planes differ), and its look by source."""
        at = (index.row(), index.column())
        answers = {
            _Role.DisplayRole: self._shown,
            _Role.FontRole: self._font,
            _Role.ForegroundRole: self._colour,
            _Role.ToolTipRole: self._tip,
            _Role.TextAlignmentRole: self._alignment,
        }
        if role in answers:
            return answers[role](at)
        return super().data(index, role)

    def _shown(self, at: Cell) -> str:
        return self.cohort.text(*at) or self.cohort.varying(*at)

    def _font(self, at: Cell) -> QFont:
        font, field = QFont(), self.cohort.field(*at)
        font.setBold(field.source == "user")
        font.setItalic(field.source == "inferred" or not self.cohort.text(*at))
        return font

    def _colour(self, at: Cell) -> QColor | None:
        colours, source = self._colours(), self.cohort.field(*at).source
        if source == "user":
            return QColor(colours["link"])
        is_dim = source == "inferred" or not self.cohort.text(*at)
        return QColor(colours["muted"]) if is_dim else None

    def _alignment(self, at: Cell) -> int:
        spec = self.cohort.table_columns[at[1]].spec
        side = Qt.AlignmentFlag.AlignLeft
        if spec is not None and spec.kind == "float":
            side = Qt.AlignmentFlag.AlignRight
        return int(side | Qt.AlignmentFlag.AlignVCenter)

    def _tip(self, at: Cell) -> str:
        row, column = at
        if self.cohort.table_columns[column].spec is None:
            path = self.cohort.entry(row).path
            return f"{path or self.cohort.entry(row).name}\nDouble-click to look at it"
        if not self.cohort.editable(row, column):
            return self.cohort.problem(row, column, "")
        field = self.cohort.field(row, column)
        if field.path == IN_TABLE:
            return "Stands in the table (bold)"
        where = f": {field.path}" if field.path and field.source != "user" else ""
        return source_words(field.source) + where

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole
    ) -> Any:
        """The titles; the tooltip has the whole one."""
        if role == _Role.ToolTipRole and orientation == Qt.Orientation.Horizontal:
            return f"{self.cohort.columns[section]}\nClick to sort"
        return super().headerData(section, orientation, role)

    def editable(self, row: int, column: int) -> bool:
        """What the sheet says."""
        return self.cohort.editable(row, column)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order the rows by a column."""
        self._rearrange(
            lambda: self.cohort.sort(column, descending=order == Qt.SortOrder.DescendingOrder)
        )

    def filter(self, text: str) -> None:
        """Show only the rows that have these words."""
        self._rearrange(lambda: self.cohort.filter(text))

    def _rearrange(self, change: Callable[[], None]) -> None:
        self.beginResetModel()
        change()
        self.endResetModel()


class CohortTable(EditTable):
    """The view. `opened` carries the row whose name was double-clicked."""

    opened = Signal(int)

    def __init__(self, model: CohortModel) -> None:
        super().__init__(model)
        self._cohort_model = model
        header = self.horizontalHeader()
        header.setSectionsClickable(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setMinimumHeight(170)
        self.doubleClicked.connect(self._on_double_click)

    def fit(self) -> None:
        """Give every column the width that its title and values need, within bounds."""
        self.resizeColumnsToContents()
        self.setColumnWidth(0, max(_NAME_PX, min(self.columnWidth(0), 2 * _NAME_PX)))
        for column in range(1, len(self._cohort_model.cohort.columns)):
            self.setColumnWidth(column, min(max(self.columnWidth(column), _LEAST_PX), _MOST_PX))

    def _on_double_click(self, index: QModelIndex) -> None:
        if index.column() == 0:
            self.opened.emit(index.row())
        elif not self._cohort_model.editable(index.row(), index.column()):
            problem = self.sheet.problem(index.row(), index.column(), "")
            self.refused.emit(problem)
