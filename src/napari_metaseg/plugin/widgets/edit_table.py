"""A table that people edit like a spreadsheet: many cells at once, fill down, copy and paste."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QEvent, QModelIndex, Qt, Signal
from qtpy.QtGui import QGuiApplication, QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QStyledItemDelegate,
    QTableView,
    QToolTip,
    QWidget,
)

from napari_metaseg.errors import InputError
from napari_metaseg.plugin import sheet as sheets
from napari_metaseg.plugin.sheet import Cell, Sheet
from napari_metaseg.plugin.widgets.parts import relook
from napari_metaseg.plugin.words import plain


class SheetModel(QAbstractTableModel):
    """Shows a sheet. Subclasses add looks; `sheet` may be replaced through `show_sheet`."""

    def __init__(self, sheet: Sheet) -> None:
        super().__init__()
        self.sheet = sheet

    def show_sheet(self, sheet: Sheet) -> None:
        """Show another sheet, or the same after it changed."""
        self.beginResetModel()
        self.sheet = sheet
        self.endResetModel()

    def changed(self) -> None:
        """The values changed, the rows and columns did not: selection and scroll stay."""
        rows, columns = self.rowCount(), self.columnCount()
        if rows and columns:
            self.dataChanged.emit(self.index(0, 0), self.index(rows - 1, columns - 1))

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        """How many rows the sheet has."""
        return 0 if parent.isValid() else self.sheet.row_count

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        """How many columns the sheet has."""
        return 0 if parent.isValid() else len(self.sheet.columns)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """The name of a column, or the number of a row."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if orientation == Qt.Orientation.Vertical:
            return str(section + 1)
        return self.sheet.columns[section]

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The text of a cell; subclasses answer for the other roles."""
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return self.sheet.text(index.row(), index.column())
        return None

    def editable(self, row: int, column: int) -> bool:
        """Whether a cell can be typed into."""
        return True

    def flags(self, index: QModelIndex) -> Any:
        """Selectable, and editable where `editable` says so."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.isValid() and self.editable(index.row(), index.column()):
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags


class _Delegate(QStyledItemDelegate):
    """An editor that stays open, with the reason beside it, while its text cannot be used."""

    def __init__(self, table: EditTable) -> None:
        super().__init__(table)
        self._table = table

    def eventFilter(self, editor: Any, event: Any) -> bool:
        keys = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab, Qt.Key.Key_Backtab)
        is_commit = event.type() == QEvent.Type.KeyPress and event.key() in keys
        if is_commit and isinstance(editor, QLineEdit) and self._refused(editor):
            return True
        return bool(super().eventFilter(editor, event))

    def createEditor(self, parent: QWidget, option: Any, index: QModelIndex) -> QWidget:
        line = QLineEdit(parent)
        line.setFrame(False)
        line.setProperty("cell", [index.row(), index.column()])
        return line

    def setModelData(self, editor: Any, model: Any, index: QModelIndex) -> None:
        if not self._refused(editor):
            self._table.type_into((index.row(), index.column()), editor.text())

    def _refused(self, editor: QLineEdit) -> bool:
        row, column = editor.property("cell")
        problem = self._table.sheet.problem(row, column, editor.text())
        relook(editor, "bad", "true" if problem else "false")
        if problem:
            QToolTip.showText(
                editor.mapToGlobal(editor.rect().bottomLeft()), plain(problem), editor
            )
            self._table.refused.emit(problem)
        return bool(problem)


class EditTable(QTableView):
    """A view of a sheet. `refused` says in words why something could not be done."""

    refused = Signal(str)
    written = Signal(int)
    """So many cells were changed."""

    def __init__(self, model: SheetModel) -> None:
        super().__init__()
        self._sheet_model = model
        self.setModel(model)
        self._delegate = _Delegate(self)
        self.setItemDelegate(self._delegate)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(24)
        self.horizontalHeader().setHighlightSections(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        standard = QKeySequence.StandardKey
        self._bind(QKeySequence("Ctrl+D"), self.fill_down)
        self._bind(QKeySequence(standard.Copy), self.copy_cells)
        self._bind(QKeySequence(standard.Paste), self.paste_cells)
        for key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._bind(QKeySequence(key), self.clear_cells)

    def _bind(self, keys: QKeySequence, slot: Any) -> None:
        shortcut = QShortcut(keys, self)
        shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
        shortcut.activated.connect(slot)

    @property
    def sheet(self) -> Sheet:
        """What the table shows."""
        return self._sheet_model.sheet

    def chosen(self) -> list[Cell]:
        """The selected cells in the sheet's own rows and columns."""
        return [(i.row(), i.column()) for i in self.selectionModel().selectedIndexes()]

    def type_into(self, cell: Cell, text: str) -> None:
        """Take what was typed into a cell, for every selected cell of its column."""
        if text != self.sheet.text(*cell):
            self.write(sheets.typed(cell, self._editable(self.chosen()), text))

    def fill_down(self) -> None:
        """Repeat the top cell of each selected column below it."""
        if len(self.chosen()) < 2:
            self.refused.emit("Select the cell to repeat and the cells below it, then fill down.")
            return
        self.write(sheets.filled_down(self.sheet, self._editable(self.chosen())))

    def copy_cells(self) -> None:
        """Put the selected cells on the clipboard, for a spreadsheet or for here."""
        QGuiApplication.clipboard().setText(sheets.copied(self.sheet, self.chosen()))

    def paste_cells(self) -> None:
        """Put what is on the clipboard into the cells from the first selected on."""
        text = QGuiApplication.clipboard().text()
        texts = sheets.pasted(self.sheet, self.chosen(), text)
        allowed = set(self._editable(texts))
        self.write({cell: value for cell, value in texts.items() if cell in allowed})

    def clear_cells(self) -> None:
        """Take the selected values back; what the file says shows again."""
        self.write(dict.fromkeys(self._editable(self.chosen()), ""))

    def write(self, texts: Mapping[Cell, str]) -> None:
        """Change cells as one step, or say why not."""
        if not texts:
            self.refused.emit("These cells cannot be edited.")
            return
        try:
            self.sheet.write(texts)
        except InputError as error:
            self.refused.emit(str(error))
            return
        self.written.emit(len(texts))

    def _editable(self, cells: Any) -> list[Cell]:
        return [cell for cell in cells if self._sheet_model.editable(*cell)]
