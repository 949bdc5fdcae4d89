"""Sidecars: what a person stated of an image, in a small JSON file beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from napari_metaseg.acquisition.fields import FIELD_SPECS, FieldSpec, check_value
from napari_metaseg.acquisition.project import find_project
from napari_metaseg.acquisition.record import Value
from napari_metaseg.acquisition.statements import PlaneIndex, Statements
from napari_metaseg.acquisition.stored import damaged, read_document, write_document
from napari_metaseg.errors import InputError
from napari_metaseg.images.protocol import plain_stem

SUFFIX = ".metaseg.json"
_FORMAT, _VERSION = "napari-metaseg sidecar", 1
_LARGEST_INDEX = 10_000_000

Specs = Mapping[str, FieldSpec]


def sidecar_path(path: Path) -> Path:
    """The sidecar of a file or folder: beside it, named after its full name."""
    whole = Path(os.path.abspath(path))  # noqa: PTH100 - "." and ".." have names, links keep theirs
    return whole.with_name(f"{whole.name}{SUFFIX}")


def read_sidecar(path: Path) -> Mapping[str, Statements]:
    """What the sidecar of `path` states, by the name of the scene; nothing where there is none.

    Values are read by the fields' types, those of the project around `path` among them. Raises
    `InputError` for a sidecar that is damaged, newer than this version, or states what is not
    allowed; nothing of it is taken then.
    """
    return read_with_file(path)[0]


def read_with_file(path: Path) -> tuple[dict[str, Statements], str]:
    """The same, with the name of the file that the sidecar was written for."""
    sidecar = sidecar_path(path)
    if not os.path.isfile(sidecar):  # noqa: PTH113 - a name too long for a sidecar has none
        return {}, path.name
    document = read_document(sidecar, _FORMAT, _VERSION)
    declared = find_project(path.parent).fields
    entries = _list(sidecar, document.get("scenes", []), "scenes")
    with _named(sidecar):
        stated = dict(_scene(sidecar, entry, declared) for entry in entries)
    if "" in stated:
        stated = {name or plain_stem(path): s for name, s in stated.items()}
    file = document.get("file")
    if not isinstance(file, str) or len(stated) < len(entries):
        raise damaged(sidecar, "no name of the file, or a scene that is listed twice")
    return stated, file


def write_sidecar(path: Path, stated: Mapping[str, Statements]) -> Path:
    """Write what is stated of scenes of `path` into its sidecar, and give the sidecar's path.

    Scenes that `stated` does not name keep what the sidecar says of them; an empty `Statements`
    takes a scene's back. A sidecar that states nothing any more is deleted. Raises `InputError`
    for a value that does not fit its field, and where a damaged sidecar would be overwritten.
    """
    sidecar = sidecar_path(path)
    scenes = {**read_sidecar(path), **stated}
    kept = {name: statements for name, statements in scenes.items() if statements}
    if not kept:
        sidecar.unlink(missing_ok=True)
        return sidecar
    own = plain_stem(path)
    entries = [_entry("" if n == own else n, statements) for n, statements in kept.items()]
    declared = find_project(path.parent).fields
    for entry in entries:
        _scene(sidecar, entry, declared)
    content = {"file": path.absolute().name, "scenes": entries}
    write_document(sidecar, _FORMAT, _VERSION, content)
    return sidecar


def _entry(name: str, statements: Statements) -> dict[str, Any]:
    """One scene as JSON, without what is empty.

    An image that is called after its file has no name here, so that both can be renamed together.
    """
    channels = [{"c": c, "values": dict(v)} for c, v in sorted(statements.channels.items()) if v]
    planes = [
        {"c": c, "z": z, "t": t, "values": dict(v)}
        for (c, z, t), v in sorted(statements.planes.items())
        if v
    ]
    parts = {"image": dict(statements.image), "channels": channels, "planes": planes}
    named = {"name": name} if name else {}
    return named | {key: part for key, part in parts.items() if part}


def _scene(sidecar: Path, entry: Any, declared: Specs) -> tuple[str, Statements]:
    name = entry.get("name", "") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise damaged(sidecar, "a scene whose name is no text")
    image = _values(sidecar, f"scene {name!r}", entry.get("image", {}), declared)
    channels: dict[int, dict[str, Value]] = {}
    planes: dict[PlaneIndex, dict[str, Value]] = {}
    for part in _list(sidecar, entry.get("channels", []), f"channels of {name!r}"):
        (c,) = _indices(sidecar, part, "c")
        channels[c] = _values(sidecar, f"channel {c}", part.get("values"), declared)
    for part in _list(sidecar, entry.get("planes", []), f"planes of {name!r}"):
        c, z, t = _indices(sidecar, part, "czt")
        where = f"plane c={c} z={z} t={t}"
        planes[c, z, t] = _values(sidecar, where, part.get("values"), declared)
    return name, Statements(image, channels, planes)


def _list(sidecar: Path, value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise damaged(sidecar, f"{what} that are no list")
    return value


def _indices(sidecar: Path, part: Any, letters: str) -> list[int]:
    found = [part.get(letter) for letter in letters] if isinstance(part, dict) else []
    whole = [n for n in found if isinstance(n, int) and not isinstance(n, bool)]
    if len(whole) != len(letters) or not all(0 <= n < _LARGEST_INDEX for n in whole):
        raise damaged(sidecar, f"a channel or plane without whole numbers {', '.join(letters)}")
    return whole


def _values(sidecar: Path, where: str, values: Any, declared: Specs) -> dict[str, Value]:
    if not isinstance(values, dict):
        raise damaged(sidecar, f"{where} with values that are no object")
    for name, value in values.items():
        if not isinstance(value, float | int | str):
            raise damaged(sidecar, f"{where}: {name} is neither a number, true, false nor text")
    return {name: _checked(name, value, declared) for name, value in values.items()}


def _checked(name: str, value: Value, declared: Specs) -> Value:
    """The value as the field's type; a free text that looks like a number stays text."""
    known = name in declared or name in FIELD_SPECS
    if isinstance(value, str) and value.strip() and not known:
        return value
    return check_value(name, value, declared)


@contextmanager
def _named(sidecar: Path) -> Iterator[None]:
    """Name the sidecar in what is said of one of its values."""
    try:
        yield
    except InputError as error:
        if str(sidecar) in error.what:
            raise
        raise InputError(f"{sidecar}: {error.what}", got=error.got, way_out=error.way_out) from None
