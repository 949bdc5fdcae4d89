"""What in a folder may be an image: every file once, plates and OME-Zarr as one, no results."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from napari_metaseg.errors import InputError
from napari_metaseg.images.formats import recognise
from napari_metaseg.images.indexes import folder_index
from napari_metaseg.images.sidecar import SUFFIX

_NO_IMAGES = {
    *(".csv", ".tsv", ".parquet", ".xlsx", ".xls", ".ods", ".json", ".yaml", ".yml", ".toml"),
    *(".txt", ".md", ".rst", ".log", ".ini", ".cfg", ".py", ".ipynb", ".html", ".pdf", ".docx"),
    *(".db", ".roi", ".zip", ".safetensors", ".xml", ".cols", ".dcf", ".icr", ".ppf"),
}
"""What lies beside images; of these only what is an index by its content is opened."""

_RESULTS = ("_labels", "_classes", "_probability")
_RESULTS_LIST, _PACKAGE = "predictions.json", "package.json"
_BACKUP = re.compile(r"\.backup\d*$")
_INDEXES = ("harmony", "yokogawa", "metaxpress", "ome_xml")


@dataclass
class Walk:
    """The places of a folder at which images may be, and what was found but cannot be opened.

    `indexes` (plates, companion files) come first: the files that they describe are no images of
    their own.
    """

    indexes: list[Path] = field(default_factory=list)
    images: list[Path] = field(default_factory=list)
    refused: list[InputError] = field(default_factory=list)


def walk(folder: Path) -> Walk:
    """Look through a folder and the folders in it, in natural order; opens no image.

    Passed over are hidden files, sidecars, tables and texts, backups, models and the results of
    predictions. Raises `InputError` for a path that is no folder.
    """
    if not folder.is_dir():
        raise InputError(f"no folder at {folder}", way_out="Give the folder that holds the images")
    found = Walk()
    _look_through(folder, found, set())
    return found


def natural_key(name: str) -> tuple[tuple[int, str], ...]:
    """A key under which "field 2" comes before "field 10"."""
    parts = re.split(r"(\d+)", name.casefold())
    return tuple((int(p), "") if p.isdecimal() else (-1, p) for p in parts if p)


def _look_through(folder: Path, found: Walk, seen: set[Path]) -> None:
    if folder.resolve() in seen:  # a link that leads back
        return
    seen.add(folder.resolve())
    entries = _entries(folder, found)
    if not entries or any(path.name == _PACKAGE for path in entries):
        return
    kind = folder_index(folder)
    if kind == "zarr":
        found.images.append(folder)
        return
    if kind is not None:
        found.indexes.append(folder)
    for path in entries:
        if os.path.isdir(path):  # noqa: PTH112 - False where it may not be looked at
            _look_through(path, found, seen)
        elif os.path.isfile(path) or not os.path.exists(path):  # noqa: PTH110, PTH113 - as above
            _sort_in(path, found, is_plate=kind is not None)


def _entries(folder: Path, found: Walk) -> Sequence[Path]:
    try:
        paths = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        found.refused.append(InputError(f"cannot look into {folder}", got=error.strerror))
        return ()
    paths.sort(key=lambda path: natural_key(path.name))
    return tuple(_without_results(paths))


def _without_results(paths: Sequence[Path]) -> Iterator[Path]:
    """The paths without sidecars and backups, and without the results that a list names as such."""
    of_results = any(path.name == _RESULTS_LIST for path in paths)
    for path in paths:
        stem = path.name.partition(".")[0]
        if path.name.endswith(SUFFIX) or _BACKUP.search(path.name):
            continue
        if not (of_results and stem.endswith(_RESULTS)):
            yield path


def _sort_in(path: Path, found: Walk, *, is_plate: bool) -> None:
    plain = path.suffix.lower() in _NO_IMAGES
    try:
        kind = recognise(path)
    except InputError as error:
        if not plain:
            found.refused.append(error)
        return
    if kind == "ome_xml":
        found.indexes.append(path)
    elif kind not in _INDEXES:
        found.images.append(path)
    elif not is_plate:
        found.indexes.append(path)
