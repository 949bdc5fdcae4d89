"""A table of text cells from a CSV or parquet file: columns, and rows with their place."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_metaseg.errors import InputError
from napari_metaseg.files import atomic_path

_DELIMITERS = ",;\t"
"""Comma, and what spreadsheet programs of other languages write instead."""


@dataclass(frozen=True)
class TextRow:
    """One row: the line where it ends in the file (parquet: its number), its cells by column."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class TextTable:
    """Column names and rows; every cell is stripped text, empty where there was none."""

    columns: tuple[str, ...]
    rows: tuple[TextRow, ...]


def read_table(path: Path) -> TextTable:
    """The table at `path`. Raises `InputError` for a file that is missing or no table."""
    if not path.is_file():
        got = "a folder" if path.is_dir() else None
        raise InputError(
            f"no cohort table at {path}", got=got, way_out="Give the path of a CSV file"
        )
    try:
        if path.suffix.lower() == ".parquet":
            return _read_parquet(path)
        return _read_csv(path)
    except ImportError:
        raise InputError(
            "reading parquet needs pyarrow",
            way_out="Run 'pip install pyarrow', or save the table as CSV",
        ) from None
    except (ValueError, OSError, csv.Error) as error:
        raise InputError(
            f"{path} is not a readable table", got=str(error), way_out="Save it as CSV in UTF-8"
        ) from None


def _read_csv(path: Path) -> TextTable:
    text = path.read_text(encoding="utf-8-sig")
    header = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns = tuple(name.strip() for name in next(reader, []))
    _require_distinct(columns, path)
    return TextTable(columns, tuple(_csv_rows(reader, columns, path)))


def _csv_rows(reader: Iterator[list[str]], columns: Sequence[str], path: Path) -> Iterator[TextRow]:
    for cells in reader:
        line = int(getattr(reader, "line_num", 0))
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
            raise InputError(
                f"row {line} of {path} has more cells than the table has columns",
                got=f"{len(cells)} cells, {len(columns)} columns",
                way_out="Put cells that contain the separator into double quotes",
            )
        padded = [*cells, *[""] * len(columns)]
        yield TextRow(line, {n: cell.strip() for n, cell in zip(columns, padded, strict=False)})


def _require_distinct(columns: Sequence[str], path: Path) -> None:
    twice = next((name for name in columns if name and columns.count(name) > 1), None)
    if twice is not None:
        raise InputError(
            f"the cohort table {path} has two columns named {twice!r}",
            way_out="Rename or remove one of them",
        )


def _read_parquet(path: Path) -> TextTable:
    import pandas as pd

    table = pd.read_parquet(path)
    columns = tuple(str(name) for name in table.columns)
    rows = (
        {n: "" if pd.isna(v) else str(v).strip() for n, v in zip(columns, values, strict=True)}
        for values in table.itertuples(index=False, name=None)
    )
    return TextTable(columns, tuple(TextRow(i, cells) for i, cells in enumerate(rows, start=1)))


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write cells (None is empty) as CSV, or as parquet where the name ends so, whole or not.

    Raises `InputError` for parquet without pyarrow, and where the folder cannot be written.
    """
    with atomic_path(path) as temporary:
        if path.suffix.lower() == ".parquet":
            _write_parquet(temporary, columns, rows)
        else:
            _write_csv(temporary, columns, rows)


def _write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for cells in rows:
            writer.writerow("" if cell is None else str(cell) for cell in cells)


def _write_parquet(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    import pandas as pd

    data = {name: _one_type([row[i] for row in rows]) for i, name in enumerate(columns)}
    try:
        pd.DataFrame(data, dtype=object).to_parquet(path, index=False)
    except ImportError:
        raise InputError(
            "writing parquet needs pyarrow",
            way_out="Run 'pip install pyarrow', or give a name that ends in .csv",
        ) from None


def _one_type(cells: list[object]) -> list[object]:
    """The cells of a column; as texts where they are of several types: parquet takes one."""
    types = {type(cell) for cell in cells if cell is not None}
    if len(types) < 2:
        return cells
    return [None if cell is None else str(cell) for cell in cells]
