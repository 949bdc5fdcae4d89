"""Templates: named sets of values that a person applies to many images."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_metaseg.acquisition.fields import check_value
from napari_metaseg.acquisition.project import find_project
from napari_metaseg.acquisition.record import Value
from napari_metaseg.acquisition.stored import damaged, read_document, write_document
from napari_metaseg.errors import InputError

_FORMAT, _VERSION = "napari-metaseg template", 1
_SUFFIX = ".metaseg-template.json"


@dataclass(frozen=True)
class Template:
    """A named set of values."""

    name: str
    values: Mapping[str, Value]


def list_templates(folder: Path) -> tuple[Template, ...]:
    """The templates in a folder, by name; none where there is no such folder.

    A file that cannot be used is passed over: one damaged file must not hide the others.
    """
    return tuple(sorted((t for _, t in _stored(folder)), key=lambda t: t.name.casefold()))


def save_template(folder: Path, template: Template) -> None:
    """Write a template, in place of one of the same name.

    Raises `InputError` for a template without name or values, and for a value that does not fit.
    """
    name = " ".join(template.name.split())
    if not name or not template.values:
        raise InputError("a template needs a name and at least one value", got=repr(template.name))
    declared = find_project(folder).fields
    values = {n: check_value(n, v, declared) for n, v in template.values.items()}
    old = _path_of(folder, name)
    path = old or folder / _file_name(name)
    write_document(path, _FORMAT, _VERSION, {"name": name, "values": values})


def delete_template(folder: Path, name: str) -> None:
    """Delete the template of that name; raises `InputError` where there is none."""
    path = _path_of(folder, " ".join(name.split()))
    if path is None:
        names = ", ".join(t.name for t in list_templates(folder)) or "none"
        raise InputError(f"no template is named {name!r}", way_out=f"Templates are: {names}")
    path.unlink(missing_ok=True)


def _path_of(folder: Path, name: str) -> Path | None:
    return next((path for path, template in _stored(folder) if template.name == name), None)


def _stored(folder: Path) -> Iterator[tuple[Path, Template]]:
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            yield path, _read(path)
        except InputError:
            continue


def _read(path: Path) -> Template:
    document = read_document(path, _FORMAT, _VERSION)
    name, values = document.get("name"), document.get("values")
    if not isinstance(name, str) or not isinstance(values, dict):
        raise damaged(path, "no name or no values")
    declared = find_project(path.parent).fields
    return Template(name, {n: _value(path, n, v, declared) for n, v in values.items()})


def _value(path: Path, name: str, value: Any, declared: Mapping[str, Any]) -> Value:
    if not isinstance(value, float | int | bool | str):
        raise damaged(path, f"{name}: {value!r}")
    return check_value(name, value, declared)


def _file_name(name: str) -> str:
    """A file name that any system takes, different for names that look alike."""
    plain = re.sub(r"[^\w-]+", "-", name)[:60].strip("-") or "template"
    mark = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{plain}-{mark}{_SUFFIX}"
