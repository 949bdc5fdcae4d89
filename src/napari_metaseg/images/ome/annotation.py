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
"""What was declared of the image, of any family: field name → value."""
CHANNELS = PREFIX + "channel"
""""c/field name" → what was declared of that channel alone."""
PLANES = PREFIX + "plane"
""""c/z/t/field name" → what was declared of that plane alone."""
STATED_BY = PREFIX + "stated_by"
"""Who declared it, unless the file: "declared/name", "channel 0/declared/name" → "user sidecar"."""
REPLACED = PREFIX + "replaced"
"""OME's attributes that a declaration changed, before and after (`edits.py`)."""
STATEMENTS = (CONDITION, CHANNELS, PLANES, STATED_BY, REPLACED)
"""What `statement_pairs` and `state.put_statements` write, and replace as a whole."""
PLANE_OFFSETS = PREFIX + "plane_offset_um"
""""c/z/t" → offset from focus in µm."""
FIELDS = PREFIX + "fields"
"""Record fields for which OME has no term: "lens_na" or "channel 0/contrast_method" → value."""
SOURCES = PREFIX + "sources"
"""Where a field comes from, unless from the file: its key → "inferred Objective[O]/@Model"."""
NOTICES = PREFIX + "notices"
"""Conflicts that an earlier reader found: "field,field" → message."""

Pairs = tuple[tuple[str, str], ...]


def value_text(name: str, value: Value) -> str:
    """A text from which `text_value` gets exactly `value`: plain where possible, else JSON."""
    plain = str(value).lower() if isinstance(value, bool) else str(value)
    return plain if _reads_back(name, plain, value) else json.dumps(value)


def text_value(name: str, text: str) -> Value | None:
    """The value that `value_text` wrote, or None for a text that is no value of the field."""
    try:
        value = json.loads(text) if text.startswith('"') else parse_value(name, text)
    except (InputError, ValueError):
        return None
    return value


def _reads_back(name: str, plain: str, value: Value) -> bool:
    if plain.startswith('"') or not plain.isprintable():
        return False
    back = text_value(name, plain)
    return type(back) is type(value) and back == value


def field_items(record: AcquisitionRecord) -> Iterable[tuple[str, Field]]:
    """Every field of a record, what was declared apart, under its key: image, then channels."""
    yield from record.fields.items()
    for index, channel in enumerate(record.channels):
        yield from ((f"channel {index}/{n}", f) for n, f in channel.fields.items())


def declared_items(record: AcquisitionRecord) -> Iterable[tuple[str, Field]]:
    """What was declared, under keys that end in "declared/" and the field's name."""
    yield from ((f"declared/{n}", f) for n, f in record.declared.items())
    for index, channel in enumerate(record.channels):
        yield from ((f"channel {index}/declared/{n}", f) for n, f in channel.declared.items())
    for p in record.planes:
        yield from ((f"plane {p.c}/{p.z}/{p.t}/declared/{n}", f) for n, f in p.declared.items())


def annotation_pairs(record: AcquisitionRecord, leftovers: Mapping[str, Value]) -> dict[str, Pairs]:
    """The pairs to write under each namespace; `leftovers` are fields without an OME term.

    What was declared is not among them (`statement_pairs`).
    """
    offsets = (
        (f"{p.c}/{p.z}/{p.t}", repr(float(p.plane_offset_um)))
        for p in record.planes
        if p.plane_offset_um is not None
    )
    pairs: dict[str, Pairs] = {
        PLANE_OFFSETS: tuple(offsets),
        FIELDS: tuple((key, value_text(key, value)) for key, value in leftovers.items()),
        SOURCES: tuple(_sources(field_items(record))),
        NOTICES: tuple((",".join(c.fields), c.message) for c in record.reported),
    }
    return {namespace: found for namespace, found in pairs.items() if found}


def statement_pairs(record: AcquisitionRecord) -> dict[str, Pairs]:
    """The pairs that say what was declared of the image, its channels and planes, and by whom."""
    channels = (
        (f"{c}/{pair[0]}", pair[1])
        for c, channel in enumerate(record.channels)
        for pair in _texts(channel.declared)
    )
    planes = (
        (f"{p.c}/{p.z}/{p.t}/{pair[0]}", pair[1])
        for p in record.planes
        for pair in _texts(p.declared)
    )
    pairs: dict[str, Pairs] = {
        CONDITION: tuple(_texts(record.declared)),
        CHANNELS: tuple(channels),
        PLANES: tuple(planes),
        STATED_BY: tuple(_sources(declared_items(record))),
    }
    return {namespace: found for namespace, found in pairs.items() if found}


def _texts(declared: Mapping[str, Field]) -> Pairs:
    return tuple((n, value_text(n, f.value)) for n, f in declared.items() if f.value is not None)


def _sources(items: Iterable[tuple[str, Field]]) -> Iterable[tuple[str, str]]:
    for key, field in items:
        if field.source != "file" and field.known:
            yield key, f"{field.source} {field.path or ''}".strip()


def apply_annotations(record: AcquisitionRecord, found: Mapping[str, Pairs]) -> AcquisitionRecord:
    """The record with what `annotation_pairs` and `statement_pairs` gave put back."""
    sources = dict((*found.get(SOURCES, ()), *found.get(STATED_BY, ())))
    record = _with_fields(record, found.get(FIELDS, ()))
    record = _with_sources(record, sources)
    record = _with_offsets(record, found.get(PLANE_OFFSETS, ()))
    record = _with_declared(record, found.get(CONDITION, ()), sources)
    record = _with_channels(record, found.get(CHANNELS, ()), sources)
    record = _with_planes(record, found.get(PLANES, ()), sources)
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


def _with_declared(
    record: AcquisitionRecord, pairs: Pairs, sources: Mapping[str, str]
) -> AcquisitionRecord:
    for name, text in pairs:
        source, path = _origin(sources.get(f"declared/{name}", ""), CONDITION)
        record = record.declare({name: text_value(name, text)}, source=source, path=path)
    return record


def _with_channels(
    record: AcquisitionRecord, pairs: Pairs, sources: Mapping[str, str]
) -> AcquisitionRecord:
    for key, text in pairs:
        where, _, name = key.partition("/")
        # A record has no more channels than the file describes, whatever a note says.
        if where.isdecimal() and len(where) < 6 and int(where) < len(record.channels):
            source, path = _origin(sources.get(f"channel {where}/declared/{name}", ""), CHANNELS)
            values = {name: text_value(name, text)}
            record = record.declare_channel(int(where), values, source=source, path=path)
    return record


def _with_planes(
    record: AcquisitionRecord, pairs: Pairs, sources: Mapping[str, str]
) -> AcquisitionRecord:
    planes = {(p.c, p.z, p.t): p for p in record.planes}
    for key, text in pairs:
        place, name = "/".join(key.split("/", 3)[:3]), "".join(key.split("/", 3)[3:])
        czt, value = _plane_index(place), text_value(name, text)
        if czt is not None and name and value is not None:
            plane = planes.get(czt, PlaneRecord(*czt))
            source, path = _origin(sources.get(f"plane {place}/declared/{name}", ""), PLANES)
            stated = Field(value, source, path, value)
            planes[czt] = replace(plane, declared={**plane.declared, name: stated})
    return replace(record, planes=tuple(planes[czt] for czt in sorted(planes)))


def _plane_index(text: str) -> tuple[int, int, int] | None:
    """(c, z, t) of "c/z/t", or None for any other text."""
    parts = text.split("/")
    if len(parts) != 3 or not all(part.isdecimal() and len(part) < 10 for part in parts):
        return None
    return int(parts[0]), int(parts[1]), int(parts[2])


def _origin(text: str, default: str) -> tuple[Source, str | None]:
    """The source and path that `_sources` wrote; the note itself where it wrote none."""
    source, _, path = text.partition(" ")
    return (_source(source), path or None) if source else ("file", default)


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
    )


def _with_offsets(record: AcquisitionRecord, pairs: Pairs) -> AcquisitionRecord:
    planes = {(p.c, p.z, p.t): p for p in record.planes}
    for key, text in pairs:
        offset = text_value("plane_offset_um", text)
        where = _plane_index(key)
        if isinstance(offset, float) and where is not None:
            planes[where] = replace(planes.get(where, PlaneRecord(*where)), plane_offset_um=offset)
    return replace(record, planes=tuple(planes[w] for w in sorted(planes)))
