"""What an acquisition record holds beyond OME's own terms: keys and texts for map annotations.

An OME-TIFF of ours carries them as `MapAnnotation` elements, one namespace per kind, which OMERO
and Bio-Formats show and keep. Keys and texts are plain; no reader but ours depends on them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from napari_metaseg.acquisition.fields import parse_value
from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    Field,
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
