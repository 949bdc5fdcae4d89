"""The cohort view as a table on disk, through pandas: whole or not at all, paths relative to it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_metaseg.acquisition.fields import FieldSpec
from napari_metaseg.errors import InputError
from napari_metaseg.files import atomic_path
from napari_metaseg.plugin.cohort.entries import Entry, TableEntry
from napari_metaseg.plugin.cohort.sheet import CohortSheet

if TYPE_CHECKING:
    import pandas as pd

_OWN = ("image", "labels", "label_kind", "split", "group", "sample", "scene", "channel")
_DTYPES = {"float": "Float64", "bool": "boolean", "text": "string"}


def export(sheet: CohortSheet, path: Path) -> int:
    """Write every row that has a file as CSV, or as parquet by the name's ending; how many.

    What is shown is written, whatever its source; what is unknown stays empty. Raises `InputError`
    for another ending, no rows, a folder that cannot be written, and parquet without pyarrow.
    """
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise InputError(
            "a cohort is saved as CSV or parquet",
            got=path.name,
            way_out="Give a name that ends in .csv or .parquet",
        )
    table = frame(sheet, path.absolute().parent)
    if not len(table):
        raise InputError("no row to save", way_out="Rows need a file: save the layers first")
    try:
        with atomic_path(path) as temporary:
            if path.suffix.lower() == ".parquet":
                table.to_parquet(temporary, index=False)
            else:
                table.to_csv(temporary, index=False, lineterminator="\n")
    except ImportError:
        raise InputError(
            "saving parquet needs pyarrow",
            way_out="Run 'pip install pyarrow', or save the table as CSV",
        ) from None
    except OSError as error:
        raise InputError(f"cannot write {path}", got=error.strerror or error) from None
    return len(table)


def frame(sheet: CohortSheet, folder: Path) -> pd.DataFrame:
    """The shown rows that have a file, as a table with one type a column."""
    import pandas as pd

    entries = [sheet.entry(row) for row in range(sheet.row_count)]
    rows = [entry for entry in entries if entry.path is not None]
    columns: dict[str, Any] = {}
    for name in _OWN:
        columns[name] = pd.array([_own(entry, name, folder) for entry in rows], dtype="string")
    for column in sheet.table_columns:
        if column.spec is not None:
            columns[column.spec.name] = _values(rows, column.spec)
        elif column.extra and column.extra not in columns:
            texts = [entry.extra.get(column.extra, "") for entry in rows]
            columns[column.extra] = pd.array(texts, dtype="string")
    return pd.DataFrame(columns)


def _values(rows: Sequence[Entry], spec: FieldSpec) -> Any:
    import pandas as pd

    values = [entry.field(spec.name).value for entry in rows]
    fitting: Any = [float(v) if spec.kind == "float" and v is not None else v for v in values]
    return pd.array(fitting, dtype=_DTYPES[spec.kind])


def _own(entry: Entry, name: str, folder: Path) -> str:
    if name == "image" and entry.path is not None:
        return relative(entry.path, folder)
    if isinstance(entry, TableEntry):
        text = entry.extra.get(name, "")
        return relative(entry.folder / text, folder) if name == "labels" and text else text
    if name == "sample":
        return entry.name
    if name == "labels":
        return relative(entry.labels, folder) if entry.labels is not None else ""
    return str(getattr(entry, name, ""))


def relative(file: Path, folder: Path) -> str:
    """A file as a path relative to a folder, with forward slashes."""
    place = file.parent.resolve() / file.name
    try:
        return Path(os.path.relpath(place, folder.resolve())).as_posix()
    except ValueError:  # another drive on Windows has no relative path
        return place.as_posix()
