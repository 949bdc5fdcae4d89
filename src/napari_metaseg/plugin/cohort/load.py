"""Reading a cohort in the background: a folder of images, or a cohort table with its images."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from napari_metaseg.acquisition.cohort import CohortRow, read_cohort
from napari_metaseg.acquisition.fields import CONDITION_FIELDS, FieldSpec
from napari_metaseg.acquisition.project import find_project
from napari_metaseg.acquisition.table import read_table
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, Progress
from napari_metaseg.images.protocol import ImageSource
from napari_metaseg.plugin.cohort.entries import Entry, FileEntry, FileImage, TableEntry
from napari_metaseg.plugin.saved import lifted

if TYPE_CHECKING:
    from napari_metaseg.images.folder import FolderImage


@dataclass(frozen=True)
class Loaded:
    """The rows, the project's fields, where they came from, and what could not be read."""

    entries: tuple[Entry, ...]
    specs: dict[str, FieldSpec]
    origin: Path
    problems: tuple[str, ...] = field(default=())


def load_folder(folder: Path, token: CancelToken) -> Generator[Progress, None, Loaded]:
    """A row for each scene and channel of every image in a folder and below.

    Masks that belong to an image are no rows of their own. Raises `InputError` where there is no
    image.
    """
    from napari_metaseg.images.folder import FolderImage, cohort_rows

    entries: list[Entry] = []
    problems = []
    for event in cohort_rows(folder):
        token.raise_if_cancelled()
        if isinstance(event, Progress):
            yield event
        elif isinstance(event, FolderImage):
            entries += _of_folder(event, folder)
        else:
            problems.append(event.text)
    specs = dict(find_project(folder).fields)
    return Loaded(tuple(entries), specs, folder, tuple(problems))


def _of_folder(found: FolderImage, folder: Path) -> list[FileEntry]:
    path, row = found.row.image, found.row
    short = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
    entries = _entries(found.image, short, several=bool(row.scene))
    for entry in entries:
        entry.labels, entry.label_kind, entry.group = row.labels, row.label_kind, row.group
    return entries


def _entries(source: ImageSource, short: str, *, several: bool) -> list[FileEntry]:
    record, stated = lifted(source.record, source.path)
    image = FileImage(
        *(source.path, source.name, record, stated), source.size("Z") * source.size("T")
    )
    name = f"{short} · {source.name}" if several else short
    count = source.size("C")
    channels = [record.channel(c).name or f"channel {c}" for c in range(count)]
    if count == 1:
        return [FileEntry(image, 0, name)]
    return [FileEntry(image, c, f"{name} · {channels[c]}") for c in range(count)]


def load_table(path: Path, token: CancelToken) -> Generator[Progress, None, Loaded]:
    """The rows of a cohort table (CSV or parquet), each with what its image itself says.

    Raises `InputError` for a table that cannot be used; an image that cannot be read is a problem,
    and its row stays.
    """
    yield Progress(0, 0, "reading the table")
    specs = dict(find_project(path.parent).fields)
    names = read_table(path).columns
    rows = read_cohort(path, extra_fields=[n for n in specs if n in names])
    cells = [row.cells for row in read_table(path).rows]
    entries: list[Entry] = []
    problems = []
    for done, (row, own) in enumerate(zip(rows, cells, strict=True)):
        token.raise_if_cancelled()
        yield Progress(done, len(rows), row.image.name)
        entry = TableEntry(path.parent, _extras(own, specs), row.stated)
        entries.append(entry)
        try:
            entry.file = _file_of(row)
        except InputError as error:
            problems.append(str(error))
    yield Progress(len(rows), len(rows))
    return Loaded(tuple(entries), specs, path, tuple(problems))


def _extras(cells: dict[str, str], specs: dict[str, FieldSpec]) -> dict[str, str]:
    return {n: text for n, text in cells.items() if n not in CONDITION_FIELDS and n not in specs}


def _file_of(row: CohortRow) -> FileEntry | None:
    """The image of a row, with the channel that it names."""
    from napari_metaseg.images.open import open_image

    source = open_image(row.image, row.scene)
    entries = _entries(source, row.name, several=False)
    return entries[_channel_number(row.channel, entries)] if entries else None


def _channel_number(channel: str, entries: Sequence[FileEntry]) -> int:
    first = channel.split(";")[0].strip()
    if first.isdecimal() and int(first) < len(entries):
        return int(first)
    return next((i for i, e in enumerate(entries) if e.channel and e.channel == first), 0)
