"""The cohort table: one row per training item, with what is known of how each was taken.

Columns: `image`, `labels`, `label_kind`, `split`, `group`, the condition fields, and optional
`sample`, `scene`, `channel`, `z`, `t`, `plane_axes`. Further columns are kept and ignored unless
named as fields.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

from napari_metaseg.acquisition.fields import (
    CONDITION_FIELDS,
    FieldSpec,
    parse_value,
    which_is_meant,
)
from napari_metaseg.acquisition.project import find_project
from napari_metaseg.acquisition.record import Value
from napari_metaseg.acquisition.table import read_table, write_table
from napari_metaseg.errors import InputError

LabelKind = Literal["instances", "classes", "sparse"]
LABEL_KINDS: tuple[LabelKind, ...] = get_args(LabelKind)
_OWN_COLUMNS = ("image", "labels", "label_kind", "split", "group", "sample", "scene", "channel")
_INDEX_COLUMNS = ("z", "t")
_AXES_COLUMN = "plane_axes"
PLANE_AXES = ("YX", "ZX")
"""What the planes of a row may be: as seen through the lens, or vertical scans."""


@dataclass(frozen=True)
class CohortRow:
    """One item: an image, perhaps its labels, and what the table states of its acquisition.

    `stated` holds the non-empty condition and free fields. `z` and `t` None mean all of them;
    `channel` is an index or a name, several joined by `;`, empty for the default. `plane_axes` is
    "ZX" where planes that are vertical scans are wanted; empty means the usual "YX".
    """

    image: Path
    labels: Path | None = None
    label_kind: LabelKind = "instances"
    split: str = ""
    group: str = ""
    sample: str = ""
    scene: str = ""
    channel: str = ""
    z: int | None = None
    t: int | None = None
    stated: Mapping[str, Value] = field(default_factory=dict)
    plane_axes: str = ""

    @property
    def name(self) -> str:
        """What to call it: the sample's name, else the image's file name."""
        return self.sample or self.image.name


def read_cohort(path: Path, *, extra_fields: Sequence[str] = ()) -> tuple[CohortRow, ...]:
    """The rows of a cohort table (CSV, or parquet where pyarrow is installed).

    Paths in the table are relative to the table. `extra_fields` names the free fields to read
    beside the condition fields and those that the table's project declares. Raises `InputError`
    for a file, column or cell that cannot be used.
    """
    declared = find_project(path.parent).fields
    table = read_table(path)
    if "image" not in table.columns:
        raise InputError(
            f"the cohort table {path} has no column 'image'",
            got=", ".join(table.columns) or "no columns",
            way_out="Add a column named 'image' with one image path per row",
        )
    known = (*CONDITION_FIELDS, *table.columns)
    absent = [name for name in extra_fields if name not in known]
    if absent:
        raise InputError(
            f"the cohort table {path} has no column for the field {absent[0]!r}",
            got=f"columns {', '.join(table.columns)}",
            way_out=which_is_meant(absent[0], known),
        )
    if not table.rows:
        raise InputError(f"the cohort table {path} has no rows", way_out="Add one row per image")
    wanted = dict.fromkeys((*CONDITION_FIELDS, *declared, *extra_fields))
    specs = {name: declared.get(name) for name in wanted if name in table.columns}
    return tuple(_parse_row(row.cells, path.parent, specs, row.line) for row in table.rows)


def column_names(path: Path) -> tuple[str, ...]:
    """The columns of a cohort table, as they stand."""
    return read_table(path).columns


def _parse_row(
    cells: Mapping[str, str], folder: Path, specs: Mapping[str, FieldSpec | None], line: int
) -> CohortRow:
    image = cells["image"]
    if not image:
        raise InputError(f"row {line} of the cohort table names no image")
    kind = cells.get("label_kind", "") or "instances"
    if kind not in LABEL_KINDS:
        raise InputError(
            f"row {line}: unknown label_kind",
            got=repr(kind),
            way_out=f"Use {', '.join(LABEL_KINDS)}",
        )
    try:
        declared = {name: spec for name, spec in specs.items() if spec}
        stated = {n: v for n in specs if (v := parse_value(n, cells[n], declared)) is not None}
    except InputError as error:
        raise InputError(
            f"row {line}: {error.what}", got=error.got, way_out=error.way_out
        ) from None
    indices = {n: _parse_index(n, cells.get(n, ""), line) for n in _INDEX_COLUMNS}
    return CohortRow(
        image=folder / image,
        labels=folder / cells["labels"] if cells.get("labels") else None,
        label_kind=kind,
        split=cells.get("split", ""),
        group=cells.get("group", ""),
        sample=cells.get("sample", ""),
        scene=cells.get("scene", ""),
        channel=cells.get("channel", ""),
        z=indices["z"],
        t=indices["t"],
        stated=stated,
        plane_axes=_parse_axes(cells.get(_AXES_COLUMN, ""), line),
    )


def _parse_axes(text: str, line: int) -> str:
    axes = text.upper()
    if axes not in ("", *PLANE_AXES):
        raise InputError(
            f"row {line}: unknown {_AXES_COLUMN}",
            got=repr(text),
            way_out=f"Use {' or '.join(PLANE_AXES)}, or leave it empty",
        )
    return axes


def _parse_index(name: str, text: str, line: int) -> int | None:
    if not text:
        return None
    try:
        number = float(text)  # spreadsheets and parquet write 3.0
        value = int(number)
    except (ValueError, OverflowError):
        number, value = 0.5, 0
    if number != value:
        raise InputError(f"row {line}: {name} must be a whole number", got=repr(text))
    if value < 0:
        raise InputError(f"row {line}: {name} must be 0 or more", got=value)
    return value


def write_cohort(
    rows: Sequence[CohortRow],
    path: Path,
    *,
    fields: Sequence[str] = (),
    further: Mapping[str, Sequence[object]] = MappingProxyType({}),
) -> None:
    """Write rows as a cohort table with paths relative to it, whole or not at all.

    CSV, or parquet where the name ends so. `fields` are columns to write even where no row states
    them; those that rows state follow by name. `further` columns, a cell a row, stand last: they
    are for people, and ignored when the table is read.
    """
    stated = sorted({name for row in rows for name in row.stated})
    own: tuple[str, ...] = (*_OWN_COLUMNS, *_INDEX_COLUMNS)
    if any(row.plane_axes for row in rows):
        own += (_AXES_COLUMN,)
    names = tuple(dict.fromkeys((*fields, *stated)))
    folder = path.resolve().parent
    cells = [_cells(row, folder, own, names) for row in rows]
    added = list(zip(*further.values(), strict=True)) or [()] * len(rows)
    write_table(
        path, (*own, *names, *further), [(*c, *a) for c, a in zip(cells, added, strict=True)]
    )


def _cells(
    row: CohortRow, folder: Path, own: Sequence[str], names: Sequence[str]
) -> tuple[object, ...]:
    paths = (_relative(row.image, folder), _relative(row.labels, folder))
    return (*paths, *(getattr(row, n) for n in own[2:]), *(row.stated.get(n) for n in names))


def _relative(file: Path | None, folder: Path) -> str:
    if file is None:
        return ""
    # The folder is resolved since ".." means another place behind a link; a linked file stays one.
    place = file.parent.resolve() / file.name
    try:
        return Path(os.path.relpath(place, folder)).as_posix()
    except ValueError:  # another drive on Windows has no relative path
        return place.as_posix()
