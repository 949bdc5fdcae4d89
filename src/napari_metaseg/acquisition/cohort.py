"""The cohort table: one row per training item, with what is known of how each was taken.

Columns: `image`, `labels`, `label_kind`, `split`, `group`, the condition fields, and optional
`sample`, `scene`, `channel`, `z`, `t`. Further columns are kept and ignored unless named as fields.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from napari_metaseg.acquisition.condition import CONDITION_FIELDS, parse_value
from napari_metaseg.acquisition.record import Value
from napari_metaseg.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

LabelKind = Literal["instances", "classes", "sparse"]
LABEL_KINDS: tuple[LabelKind, ...] = get_args(LabelKind)
_OWN_COLUMNS = ("image", "labels", "label_kind", "split", "group", "sample", "scene", "channel")
_INDEX_COLUMNS = ("z", "t")


@dataclass(frozen=True)
class CohortRow:
    """One item: an image, perhaps its labels, and what the table states of its acquisition.

    `stated` holds the non-empty condition and free fields. `z` and `t` None mean all of them;
    `channel` is an index or a name, several joined by `;`, empty for the default.
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

    @property
    def name(self) -> str:
        """What to call it: the sample's name, else the image's file name."""
        return self.sample or self.image.name


def read_cohort(path: Path, *, extra_fields: Sequence[str] = ()) -> tuple[CohortRow, ...]:
    """The rows of a cohort table (CSV, or parquet where pyarrow is installed).

    Paths in the table are relative to the table. `extra_fields` names the free fields to read
    beside the condition fields. Raises `InputError` for a file, column or cell that cannot be used.
    """
    table = _read_table(path)
    if "image" not in table.columns:
        raise InputError(
            f"the cohort table {path} has no column 'image'",
            got=", ".join(map(str, table.columns)) or "no columns",
            way_out="Add a column named 'image' with one image path per row",
        )
    absent = [name for name in extra_fields if name not in (*table.columns, *CONDITION_FIELDS)]
    if absent:
        raise InputError(
            f"the cohort table {path} has no column for the field {absent[0]!r}",
            got=", ".join(map(str, table.columns)),
            way_out="Name a condition field or one of the table's own columns",
        )
    if table.empty:
        raise InputError(f"the cohort table {path} has no rows", way_out="Add one row per image")
    names = [n for n in (*CONDITION_FIELDS, *extra_fields) if n in table.columns]
    rows = (
        _parse_row(row, path.parent, names, line)
        for line, row in enumerate(table.to_dict("records"), start=2)
    )
    return tuple(rows)


def column_names(path: Path) -> tuple[str, ...]:
    """The columns of a cohort table, as they stand."""
    return tuple(str(name) for name in _read_table(path).columns)


def _read_table(path: Path) -> pd.DataFrame:
    import pandas as pd

    if not path.is_file():
        raise InputError(f"no cohort table at {path}", way_out="Give the path of a CSV file")
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path).astype("string").fillna("")
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except ImportError:
        raise InputError(
            "reading parquet needs pyarrow",
            way_out="Run 'pip install pyarrow', or save the table as CSV",
        ) from None
    except (ValueError, OSError) as error:
        raise InputError(
            f"{path} is not a readable table", got=str(error), way_out="Save it as CSV in UTF-8"
        ) from None


def _parse_row(
    row: Mapping[Hashable, object], folder: Path, names: Iterable[str], line: int
) -> CohortRow:
    cells = {str(key): str(value).strip() for key, value in row.items()}
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
        stated = {n: v for n in names if (v := parse_value(n, cells[n])) is not None}
    except InputError as error:
        raise InputError(f"row {line}: {error.what}", got=error.got) from None
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
    )


def _parse_index(name: str, text: str, line: int) -> int | None:
    if not text:
        return None
    try:
        value = int(float(text))
    except ValueError:
        raise InputError(f"row {line}: {name} must be a whole number", got=repr(text)) from None
    if value < 0:
        raise InputError(f"row {line}: {name} must be 0 or more", got=value)
    return value


def write_cohort(rows: Sequence[CohortRow], path: Path) -> None:
    """Write rows as a cohort CSV with paths relative to it, whole or not at all."""
    import os

    import pandas as pd

    from napari_metaseg.files import atomic_path

    folder = path.resolve().parent
    fields = sorted({name for row in rows for name in row.stated})

    def relative(file: Path | None) -> str:
        return "" if file is None else Path(os.path.relpath(file.resolve(), folder)).as_posix()

    table = pd.DataFrame(
        {"image": relative(row.image), "labels": relative(row.labels)}
        | {name: getattr(row, name) for name in _OWN_COLUMNS[2:] + _INDEX_COLUMNS}
        | {name: row.stated.get(name) for name in fields}
        for row in rows
    )
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False)
