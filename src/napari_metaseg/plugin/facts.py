"""What a form shows of each field: value, source, whether it is saved, and what contradicts it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from napari.layers import Layer

from napari_metaseg.acquisition.conflicts import conflicts, disagreements
from napari_metaseg.acquisition.fields import FIELD_SPECS, FieldSpec
from napari_metaseg.acquisition.project import Project, find_project
from napari_metaseg.acquisition.record import Conflict, Field, Value
from napari_metaseg.plugin import edits, known, layers, saved
from napari_metaseg.plugin.layers import PlaneIndex

_ROWS_OF: Mapping[str, tuple[str, ...]] = {
    "pixel_size_x_um": ("pixel_size_um",),
    "exposure_time_ms": ("exposure_ms",),
    "objective_nominal_magnification": ("objective_nominal_magnification", "magnification"),
    "total_magnification": ("total_magnification", "magnification"),
}
"""The rows where a conflict about an OME field is marked, where it has none of its own name."""


@dataclass(frozen=True)
class Fact:
    """One field of the shown plane.

    `own` says that the user stated it here; `saved` that it is saved so; `without` is what would
    show without the edit; `conflict` says what contradicts it, or is empty.
    """

    field: Field
    own: bool = False
    saved: bool = False
    without: Value | None = None
    conflict: str = ""


def facts(
    layer: Layer, plane: PlaneIndex, names: Iterable[str], clashes: Iterable[Conflict] = ()
) -> dict[str, Fact]:
    """The facts of these fields."""
    own = edits.own_edits(layer, plane)
    marks = marked(clashes)
    found = {}
    for name in names:
        field = known.field_of(layer, name, plane)
        found[name] = Fact(
            field,
            own=name in own,
            saved=field.source == "user" and _stands(layer, name, field, plane, name in own),
            without=known.file_value(layer, name, plane),
            conflict=marks.get(name, ""),
        )
    return found


def _stands(layer: Layer, name: str, field: Field, plane: PlaneIndex, own: bool) -> bool:
    """Whether what the user said is on disk: in the sidecar, or in the file itself."""
    if own:
        return saved.is_saved(layer, name, field.value, plane.key)
    # It follows from the edit of another field, or stands in the file as what a person said.
    return field.path != known.EDITED or not saved.unsaved_count(layer)


def clashes_of(layer: Layer, plane: PlaneIndex) -> list[Conflict]:
    """What cannot hold together in the layer's record, with the edits of its channel and plane."""
    record, c = known.record_of(layer), known.channel_of(layer)
    of_planes = tuple(replace(one, declared={}) for one in record.planes)
    whole = conflicts(replace(record, planes=of_planes))
    own = layers.info(layer).get("declared_planes", {}).get(plane.key, {})
    here = disagreements(known.file_record(layer), own, (c, plane.z, plane.t))
    return [clash for clash in (*whole, *here) if not _of_other_channel(layer, clash)]


def _of_other_channel(layer: Layer, clash: Conflict) -> bool:
    """Whether a reader's conflict names a channel that another layer shows."""
    record, own = known.file_record(layer), known.channel_of(layer)
    others = {c.name for i, c in enumerate(record.channels) if i != own and c.name}
    named = {name for name in others if f"channel {name!r}" in clash.message}
    return bool(named - {record.channel(own).name})


def marked(clashes: Iterable[Conflict]) -> dict[str, str]:
    """By field of the form, what contradicts it, in words."""
    marks: dict[str, str] = {}
    for clash in clashes:
        for name in (row for field in clash.fields for row in _ROWS_OF.get(field, (field,))):
            marks[name] = "\n".join(filter(None, (marks.get(name, ""), sentence(clash))))
    return marks


def in_words(clash: Conflict) -> str:
    """A conflict with the fields it is about."""
    names = " and ".join(_label(name) for name in clash.fields)
    return f"{names}: {sentence(clash)}" if names else sentence(clash)


def sentence(clash: Conflict) -> str:
    """A conflict as a sentence for people."""
    message = re.sub(r"(\d)\.0\b", r"\1", clash.message).replace("stated as", "you say")
    return message.rstrip(".") + "."


def _label(name: str) -> str:
    return FIELD_SPECS[name].label if name in FIELD_SPECS else name


def project_of(layer: Layer | None) -> Project:
    """The project that the layer's file belongs to. Raises `InputError` for one damaged."""
    path = str(layers.info(layer).get("path", "")) if layer is not None else ""
    return find_project(Path(path).parent) if path and Path(path).parent.is_dir() else Project()


def free_specs(layer: Layer | None, project: Project) -> dict[str, FieldSpec]:
    """The free fields of a layer: those of its project, then others that are stated of it."""
    found = dict(project.fields)
    if layer is not None:
        record = known.record_of(layer)
        stated = {**record.declared, **record.channel(known.channel_of(layer)).declared}
        for name in stated:
            if name not in FIELD_SPECS and name not in found:
                found[name] = FieldSpec(name, "text", name)
    return found
