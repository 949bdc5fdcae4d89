"""The table of scores: one line per domain, the worst first, the mean of domains last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from napari_metaseg.plugin.scoring import Scores

if TYPE_CHECKING:
    from napari_metaseg.evaluation.domains import DomainScore

_COLUMNS = {
    "Domain": "How these images were acquired",
    "IoU": "Overlap: shared area over united area; 1 is perfect",
    "Dice": "Overlap: twice the shared area over the sum of both; 1 is perfect",
    "n": "How many planes were scored",
}
_WEAK, _MEAN = 0.5, "mean of domains"
_MOST_ROWS = 12


class ScoreTable(QTableWidget):
    """Shows a report; `chosen` carries the row of a domain that was clicked."""

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__(0, len(_COLUMNS))
        self.setHorizontalHeaderLabels(list(_COLUMNS))
        for i, tip in enumerate(_COLUMNS.values()):
            self.horizontalHeaderItem(i).setToolTip(tip)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(26)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        for column, width in ((1, 46), (2, 46), (3, 34)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            self.setColumnWidth(column, width)
        self.cellClicked.connect(self._on_clicked)
        self._domains = 0
        self._fit()

    def show_scores(self, scores: Scores | None) -> None:
        """Fill the table; None empties it."""
        report = scores.report if scores else None
        domains = report.domains if report else ()
        self._domains = len(domains)
        self.setRowCount(len(domains) + bool(report))
        for i, domain in enumerate(domains):
            self._fill(i, domain.label, domain.iou, domain.dice, str(domain.n))
            self._explain(i, domain)
        if report is not None:
            macro, total = report.macro, sum(d.n for d in domains)
            at = len(domains)
            self._fill(at, _MEAN, macro["iou"], macro["dice"], str(total))
            self._embolden(at)
        self._fit()

    def texts(self) -> list[list[str]]:
        """What the table shows, line by line."""
        columns = range(self.columnCount())
        return [[self.item(r, c).text() for c in columns] for r in range(self.rowCount())]

    def _fill(self, at: int, name: str, iou: float | None, dice: float | None, n: str) -> None:
        weak = dice is not None and dice < _WEAK and name != _MEAN
        texts = (("⚠ " if weak else "") + name, _two(iou), _two(dice), n)
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            if column:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.setItem(at, column, item)

    def _explain(self, at: int, domain: DomainScore) -> None:
        lines = [domain.label]
        if domain.dice_ci95 is not None:
            low, high = domain.dice_ci95
            lines.append(f"Dice {_two(domain.dice)}, 95 % interval {low:.2f} to {high:.2f}")
        if domain.f1_50 is not None:
            lines.append(f"Objects found (F1 at IoU 0.5): {domain.f1_50:.2f}")
        lines.append("Click to see the worst plane")
        for column in range(self.columnCount()):
            self.item(at, column).setToolTip("\n".join(lines))

    def _embolden(self, at: int) -> None:
        for column in range(self.columnCount()):
            font = self.item(at, column).font()
            font.setBold(True)
            self.item(at, column).setFont(font)

    def _fit(self) -> None:
        rows = min(max(self.rowCount(), 1), _MOST_ROWS)
        self.setFixedHeight(rows * 26 + self.horizontalHeader().sizeHint().height() + 6)
        self.setVisible(self.rowCount() > 0)

    def _on_clicked(self, at: int, column: int) -> None:
        if at < self._domains:
            self.chosen.emit(at)


def _two(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
