"""What an acquisition record holds beyond OME's own terms: keys and texts for map annotations.

An OME-TIFF of ours carries them as `MapAnnotation` elements, one namespace per kind, which OMERO
and Bio-Formats show and keep. Keys and texts are plain; no reader but ours depends on them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from napari_metaseg.acquisition.fields import parse_value
from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    Conflict,
    Field,
    PlaneRecord,
    Source,
    Value,
)
from napari_metaseg.errors import InputError

PREFIX = "napari-metaseg/"
CONDITION = PREFIX + "condition"
"""Declared condition and free fields: field name → value."""
PLANE_OFFSETS = PREFIX + "plane_offset_um"
""""c/z/t" → offset from focus in µm."""
FIELDS = PREFIX + "fields"
"""Record fields for which OME has no term: "lens_na" or "channel 0/contrast_method" → value."""
SOURCES = PREFIX + "sources"
"""Where a value comes from, unless from the file: the key of a field → "user cohort.csv"."""
NOTICES = PREFIX + "notices"
"""Conflicts that an earlier reader found: "field,field" → message."""

Pairs = tuple[tuple[str, str], ...]


def value_text(name: str, value: Value) -> str:
    """A text from which `text_value` gets exactly `value`: plain where possible, else JSON."""
    plain = str(value).lower() if isinstance(value, bool) else str(value)
    return plain if _reads_back(name, plain, value) else json.dumps(value)


def text_value(name: str, text: str) -> Value | None:
    """The value that `value_text` wrote, or None for a text that is no value of the field."""
    if text.startswith('"'):
        value = json.loads(text)
        return value if isinstance(value, str) else None
    try:
        return parse_value(name, text)
    except InputError:
        return None


def _reads_back(name: str, plain: str, value: Value) -> bool:
    if plain.startswith('"') or not plain.isprintable():
        return False
    back = text_value(name, plain)
    return type(back) is type(value) and back == value


def field_items(record: AcquisitionRecord) -> Iterable[tuple[str, Field]]:
    """Every field of a record under its key: image, channel, then declared fields."""
    yield from record.fields.items()
    for index, channel in enumerate(record.channels):
        yield from ((f"channel {index}/{n}", f) for n, f in channel.fields.items())
    yield from ((f"declared/{n}", f) for n, f in record.declared.items())


def annotation_pairs(record: AcquisitionRecord, leftovers: Mapping[str, Value]) -> dict[str, Pairs]:
    """The pairs to write under each namespace; `leftovers` are fields without an OME term."""
    sources = (
        (key, f"{field.source} {field.path or ''}".strip())
        for key, field in field_items(record)
        if field.source != "file" and field.known
    )
    offsets = (
        (f"{p.c}/{p.z}/{p.t}", repr(float(p.plane_offset_um)))
        for p in record.planes
        if p.plane_offset_um is not None
    )
    pairs: dict[str, Pairs] = {
        CONDITION: tuple(
            (n, value_text(n, f.value)) for n, f in record.declared.items() if f.value is not None
        ),
        PLANE_OFFSETS: tuple(offsets),
        FIELDS: tuple((key, value_text(key, value)) for key, value in leftovers.items()),
        SOURCES: tuple(sources),
        NOTICES: tuple((",".join(c.fields), c.message) for c in record.reported),
    }
    return {namespace: found for namespace, found in pairs.items() if found}


def apply_annotations(record: AcquisitionRecord, found: Mapping[str, Pairs]) -> AcquisitionRecord:
    """The record with what `annotation_pairs` gave put back."""
    record = _with_fields(record, found.get(FIELDS, ()))
    record = _with_declared(record, found.get(CONDITION, ()))
    record = _with_sources(record, dict(found.get(SOURCES, ())))
    record = _with_offsets(record, found.get(PLANE_OFFSETS, ()))
    notices = (
        Conflict(tuple(filter(None, key.split(","))), text) for key, text in found.get(NOTICES, ())
    )
    reported = dict.fromkeys((*record.reported, *notices))
    return replace(record, reported=tuple(reported))


def _with_fields(record: AcquisitionRecord, pairs: Pairs) -> AcquisitionRecord:
    stated = {key: value for key, text in pairs if (value := text_value(key, text)) is not None}

    def restore(key: str, field: Field) -> Field:
        value = stated.get(key)
        return field if value is None else Field(value, "file", FIELDS, original=value)

    names = {key.rsplit("/", 1)[-1] for key in stated}
    return _map_fields(record, restore, names)


def _with_declared(record: AcquisitionRecord, pairs: Pairs) -> AcquisitionRecord:
    values = {name: text_value(name, text) for name, text in pairs}
    return record.declare(values, source="file", path=CONDITION) if values else record


def _with_sources(record: AcquisitionRecord, sources: Mapping[str, str]) -> AcquisitionRecord:
    def restore(key: str, field: Field) -> Field:
        source, _, path = sources.get(key, "").partition(" ")
        return replace(field, source=_source(source), path=path or None) if source else field

    return _map_fields(record, restore) if sources else record


def _source(text: str) -> Source:
    return text if text in ("user", "inferred", "missing") else "file"  # type: ignore[return-value]


def _map_fields(
    record: AcquisitionRecord,
    change: Callable[[str, Field], Field],
    extra: Iterable[str] = (),
) -> AcquisitionRecord:
    """The record with each field passed through `change`, and `extra` names tried as well."""
    names = tuple(extra)

    def mapped(fields: Mapping[str, Field], prefix: str) -> Mapping[str, Field]:
        keys = dict.fromkeys((*fields, *names))
        new = {n: change(f"{prefix}{n}", fields.get(n, Field())) for n in keys}
        return {n: f for n, f in new.items() if f.known}

    return replace(
        record,
        fields=mapped(record.fields, ""),
        channels=tuple(
            replace(channel, fields=mapped(channel.fields, f"channel {index}/"))
            for index, channel in enumerate(record.channels)
        ),
        declared=mapped(record.declared, "declared/"),
    )


def _with_offsets(record: AcquisitionRecord, pairs: Pairs) -> AcquisitionRecord:
    planes = {(p.c, p.z, p.t): p for p in record.planes}
    for key, text in pairs:
        offset = text_value("plane_offset_um", text)
        parts = key.split("/")
        if isinstance(offset, float) and len(parts) == 3 and all(p.isdecimal() for p in parts):
            where = (int(parts[0]), int(parts[1]), int(parts[2]))
            planes[where] = replace(planes.get(where, PlaneRecord(*where)), plane_offset_um=offset)
    return replace(record, planes=tuple(planes[w] for w in sorted(planes)))
