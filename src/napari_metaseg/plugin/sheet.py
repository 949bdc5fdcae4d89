"""What every editable table can do, whatever it shows: fill down, type into many, copy, paste."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

Cell = tuple[int, int]
"""Row and column, zero-based."""


class Sheet(Protocol):
    """Rows and columns of text. `write` changes many cells as one step."""

    @property
    def row_count(self) -> int:
        """How many rows there are."""

    @property
    def columns(self) -> Sequence[str]:
        """The names of the columns."""

    def text(self, row: int, column: int) -> str:
        """The cell's text, empty where the value is unknown."""

    def problem(self, row: int, column: int, text: str) -> str:
        """Why the cell cannot take this text, or empty."""

    def write(self, texts: Mapping[Cell, str]) -> None:
        """Change cells, as one step to undo; all of them or, with an `InputError`, none."""


def typed(cell: Cell, selected: Iterable[Cell], text: str) -> dict[Cell, str]:
    """What typing into one of several selected cells changes: those of the same column too."""
    same = {c for c in selected if c[1] == cell[1]}
    return dict.fromkeys({cell, *same} if cell in same else {cell}, text)


def filled_down(sheet: Sheet, selected: Iterable[Cell]) -> dict[Cell, str]:
    """The top cell of each selected column, put into the selected cells below it."""
    cells = sorted(selected)
    texts: dict[Cell, str] = {}
    for column in {column for _, column in cells}:
        rows = [row for row, own in cells if own == column]
        texts |= {(row, column): sheet.text(rows[0], column) for row in rows[1:]}
    return texts


def copied(sheet: Sheet, selected: Iterable[Cell]) -> str:
    """The selected cells as lines with tabs between: what a spreadsheet pastes."""
    cells = set(selected)
    columns = sorted({column for _, column in cells})
    lines = []
    for row in sorted({row for row, _ in cells}):
        own = (sheet.text(row, c) if (row, c) in cells else "" for c in columns)
        lines.append("\t".join(own))
    return "\n".join(lines)


def pasted(sheet: Sheet, selected: Iterable[Cell], text: str) -> dict[Cell, str]:
    """Where lines with tabs between go: from the first selected cell on.

    A single value goes into every selected cell; what leaves the table is left out.
    """
    cells = sorted(selected)
    lines = [line.split("\t") for line in text.rstrip("\r\n").split("\n")]
    if not cells or not lines:
        return {}
    if len(lines) == 1 and len(lines[0]) == 1:
        return dict.fromkeys(cells, lines[0][0].strip())
    top, left = min(row for row, _ in cells), min(column for _, column in cells)
    width = len(sheet.columns)
    return {
        (top + i, left + j): value.strip()
        for i, line in enumerate(lines)
        for j, value in enumerate(line)
        if top + i < sheet.row_count and left + j < width
    }
