"""The cohort as a sheet: columns of fields, rows of images; sorted, filtered and edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from napari_metaseg.acquisition.fields import CONDITION_FIELDS, FieldSpec, parse_value
from napari_metaseg.acquisition.record import Field, Value
from napari_metaseg.errors import InputError
from napari_metaseg.plugin.cohort.entries import Entry, TableEntry
from napari_metaseg.plugin.history import History
from napari_metaseg.plugin.sheet import Cell
from napari_metaseg.plugin.words import shown

_BY_PLANE = "This differs from plane to plane: open the image and use Acquisition, All planes."
_HIDDEN = ("image", "sample")
"""Columns of a table that its first column already shows."""


@dataclass(frozen=True)
class Column:
    """The image's name (`field` and `extra` both None), a field, or a column of the table's own."""

    title: str
    spec: FieldSpec | None = None
    extra: str = ""


class CohortSheet:
    """Rows in the order they are shown; what `write` changes is one step of the history."""

    def __init__(
        self, entries: Sequence[Entry], specs: Mapping[str, FieldSpec], history: History
    ) -> None:
        self.entries, self._specs, self._history = list(entries), dict(specs), history
        self._order = list(range(len(self.entries)))
        self._filter, self._sorted = "", (-1, False)
        fields = {**CONDITION_FIELDS, **specs}
        own = dict.fromkeys(n for e in self.entries for n in e.extra)
        extras = [n for n in own if n not in fields and n not in _HIDDEN]
        self.table_columns = (
            Column("Image"),
            *(Column(_title(spec), spec) for spec in fields.values()),
            *(Column(name, None, name) for name in extras),
        )

    @property
    def row_count(self) -> int:
        """How many rows are shown."""
        return len(self._order)

    @property
    def columns(self) -> Sequence[str]:
        """What the columns are called."""
        return [column.title for column in self.table_columns]

    def entry(self, row: int) -> Entry:
        """The image of a shown row."""
        return self.entries[self._order[row]]

    def field(self, row: int, column: int) -> Field:
        """The field of a cell; missing for a column that is none."""
        spec = self.table_columns[column].spec
        return self.entry(row).field(spec.name) if spec is not None else Field()

    def text(self, row: int, column: int) -> str:
        """What a cell shows: empty where nothing is known."""
        return self._text(self.entry(row), self.table_columns[column])

    def _text(self, entry: Entry, column: Column) -> str:
        if column.spec is not None:
            return shown(entry.field(column.spec.name).value)
        return entry.extra.get(column.extra, "") if column.extra else entry.name

    def varying(self, row: int, column: int) -> str:
        """The range of a field that differs from plane to plane."""
        spec = self.table_columns[column].spec
        return self.entry(row).varying(spec.name) if spec is not None else ""

    def editable(self, row: int, column: int) -> bool:
        """Whether a cell can be typed into: all but the name, and what belongs to single planes."""
        spec = self.table_columns[column].spec
        if spec is not None:
            return not self.entry(row).is_plane_field(spec.name)
        return bool(self.table_columns[column].extra)

    def problem(self, row: int, column: int, text: str) -> str:
        """Why a cell cannot take this text, or empty."""
        spec = self.table_columns[column].spec
        if not self.editable(row, column):
            return _BY_PLANE if spec is not None else "The name comes from the file."
        try:
            if spec is not None:
                parse_value(spec.name, text, self._specs)
        except InputError as error:
            return str(error)
        return ""

    def write(self, texts: Mapping[Cell, str]) -> None:
        """Change cells as one step; all of them or, with an `InputError`, none."""
        for (row, column), text in texts.items():
            if problem := self.problem(row, column, text):
                raise InputError(f"{self.entry(row).name}: {problem}")
        by_row: dict[int, dict[int, str]] = {}
        for (row, column), text in texts.items():
            by_row.setdefault(row, {})[column] = text
        targets = [t for row in by_row for t in self.entry(row).targets()]
        with self._history.step(dict.fromkeys(targets)):
            for row, own in by_row.items():
                self._write_row(self.entry(row), own)

    def _write_row(self, entry: Entry, texts: Mapping[int, str]) -> None:
        values: dict[str, Value | None] = {}
        for column, text in texts.items():
            spec, extra = self.table_columns[column].spec, self.table_columns[column].extra
            if spec is not None:
                values[spec.name] = parse_value(spec.name, text, self._specs)
            elif isinstance(entry, TableEntry):
                entry.put(extra, text)
        if values:
            entry.state(values)

    def sort(self, column: int, *, descending: bool) -> None:
        """Order the rows by a column (-1: as they came); unknown values come last either way."""
        self._sorted = (column, descending)
        self._arrange()

    def filter(self, text: str) -> None:
        """Show only rows in which every word of `text` occurs somewhere."""
        self._filter = text
        self._arrange()

    def _arrange(self) -> None:
        words = self._filter.lower().split()
        order = [i for i, e in enumerate(self.entries) if self._matches(e, words)]
        at, descending = self._sorted
        if 0 <= at < len(self.table_columns):
            texts = {i: self._text(self.entries[i], self.table_columns[at]) for i in order}
            known = [i for i in order if texts[i]]
            known.sort(key=lambda i: _sort_key(texts[i]), reverse=descending)
            order = [*known, *(i for i in order if not texts[i])]
        self._order = order

    def _matches(self, entry: Entry, words: Sequence[str]) -> bool:
        if not words:
            return True
        texts = " ".join(self._text(entry, column) for column in self.table_columns).lower()
        return all(word in texts for word in words)


def _title(spec: FieldSpec) -> str:
    return f"{spec.label} ({spec.unit})" if spec.unit else spec.label


def _sort_key(text: str) -> tuple[int, float, str]:
    try:
        return 0, float(text), ""
    except ValueError:
        return 1, 0.0, text.lower()
