"""Records from OME-XML with what our map annotations add to them (`annotation.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    Conflict,
    Field,
    PlaneRecord,
    Source,
)
from napari_metaseg.images.ome.annotation import (
    CHANNELS,
    CONDITION,
    FIELDS,
    NOTICES,
    PLANE_OFFSETS,
    PLANES,
    SOURCES,
    STATED_BY,
    Pairs,
    text_value,
)


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
