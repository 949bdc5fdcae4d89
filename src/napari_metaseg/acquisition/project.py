"""A project's own fields (cell line, annotation style, task, …): declared once beside the data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from napari_metaseg.acquisition.fields import FIELD_SPECS, FieldSpec, Kind
from napari_metaseg.acquisition.stored import damaged, read_document, write_document
from napari_metaseg.errors import InputError

PROJECT_FILE = "metaseg-project.json"
_FORMAT, _VERSION = "napari-metaseg project", 1
_KINDS: tuple[Kind, ...] = get_args(Kind)
_COHORT_COLUMNS = ("image", "labels", "label_kind", "split", "group", "sample", "scene")
_RESERVED = {*_COHORT_COLUMNS, "channel", "z", "t", *FIELD_SPECS}


@dataclass(frozen=True)
class Project:
    """The free fields of a project by name; `path` is its file, or None where there is none."""

    path: Path | None = None
    fields: Mapping[str, FieldSpec] = field(default_factory=dict)


def find_project(near: Path) -> Project:
    """The project that `near` (a file or a folder) belongs to.

    Its file is the nearest `metaseg-project.json` in the folder or above it; an empty `Project`
    where there is none. Raises `InputError` for one that is damaged.
    """
    place = near.absolute()
    for folder in (place, *place.parents):
        file = folder / PROJECT_FILE
        if file.is_file():
            return read_project(file)
    return Project()


def read_project(path: Path) -> Project:
    """The project file at `path`; raises `InputError` for one that is damaged."""
    entries = read_document(path, _FORMAT, _VERSION).get("fields")
    if not isinstance(entries, list):
        raise damaged(path, "no list of fields")
    specs = [_spec(path, entry) for entry in entries]
    try:
        return Project(path, _checked(specs))
    except InputError as error:
        raise InputError(f"{path}: {error.what}", got=error.got, way_out=error.way_out) from None


def write_project(path: Path, fields: Iterable[FieldSpec]) -> None:
    """Write the fields as a project file, whole or not at all.

    Raises `InputError` for a name that is taken, given twice or empty, for allowed values that are
    not of a text field, and for a strict field without any.
    """
    entries = [dict(_entry(spec)) for spec in _checked(list(fields)).values()]
    write_document(path, _FORMAT, _VERSION, {"fields": entries})


def _entry(spec: FieldSpec) -> Iterator[tuple[str, Any]]:
    """The spec as JSON, without what is empty."""
    yield "name", spec.name
    yield "kind", spec.kind
    if spec.label and spec.label != spec.name:
        yield "label", spec.label
    if spec.unit:
        yield "unit", spec.unit
    if spec.choices:
        yield "choices", list(spec.choices)
    if spec.strict:
        yield "strict", True


def _spec(path: Path, entry: Any) -> FieldSpec:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise damaged(path, "a field without a name")
    name = entry["name"]
    kind, choices = entry.get("kind", "text"), entry.get("choices", [])
    if kind not in _KINDS:
        raise damaged(path, f"the field {name!r} of kind {kind!r}; kinds are {', '.join(_KINDS)}")
    if not isinstance(choices, list) or not all(isinstance(v, str) for v in choices):
        raise damaged(path, f"the field {name!r}, whose choices are no list of texts")
    label, unit, strict = (
        entry.get("label", name),
        entry.get("unit", ""),
        entry.get("strict", False),
    )
    if not (isinstance(label, str) and isinstance(unit, str) and isinstance(strict, bool)):
        raise damaged(path, f"the field {name!r}, whose label, unit or strict is of another type")
    return FieldSpec(name, kind, label, unit, tuple(choices), strict)


def _checked(specs: list[FieldSpec]) -> dict[str, FieldSpec]:
    for spec in specs:
        problem = _problem(spec)
        if problem:
            raise InputError(f"a project cannot declare the field {spec.name!r}", got=problem)
    by_name = {spec.name: spec for spec in specs}
    if len(by_name) < len(specs):
        raise InputError("a project declares a field twice", way_out="Remove one of them")
    return by_name


def _problem(spec: FieldSpec) -> str:
    if not spec.name or spec.name != " ".join(spec.name.split()) or "=" in spec.name:
        return "a name that is empty, has spaces around it, or an equals sign"
    if spec.name in _RESERVED:
        return "a name that already means something"
    if spec.choices and spec.kind != "text":
        return "allowed values for a field that is not text"
    if spec.strict and not spec.choices:
        return "no allowed values"
    return ""
