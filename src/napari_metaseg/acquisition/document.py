"""Records as plain JSON: the document that `metaseg info --json` prints, and a lossless form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from napari_metaseg.acquisition.condition import conflicts, derive_condition
from napari_metaseg.acquisition.record import (
    CHANNEL_FIELDS,
    IMAGE_FIELDS,
    AcquisitionRecord,
    ChannelRecord,
    Conflict,
    Field,
    PlaneRecord,
)

Document = dict[str, Any]


def image_document(
    *, name: str, axes: str, shape: tuple[int, ...], record: AcquisitionRecord
) -> Document:
    """One image as plain JSON: what is known of it, with sources, and what disagrees.

    `condition` holds every condition field of the image as a whole (first channel), None where it
    is unknown or varies from plane to plane; `planes` says what varies.
    """
    count = dict(zip(axes, shape, strict=True)).get("C", 1)
    channels = [record.channel(i) for i in range(max(count, len(record.channels)))]
    return {
        "name": name,
        "axes": axes,
        "shape": list(shape),
        "condition": {n: f.value for n, f in derive_condition(record).items()},
        "fields": {n: _field(record.get(n)) for n in IMAGE_FIELDS},
        "channels": [
            {"name": c.name, "fields": {n: _field(c.get(n)) for n in CHANNEL_FIELDS}}
            for c in channels
        ],
        "planes": [_plane(plane, record) for plane in record.planes],
        "conflicts": [{"fields": list(c.fields), "message": c.message} for c in conflicts(record)],
    }


def _field(field: Field) -> Document:
    if not field.known:
        return {"value": None, "source": "missing"}
    return asdict(field)


def _plane(plane: PlaneRecord, record: AcquisitionRecord) -> Document:
    """A plane with its exposure, which may be the channel's; the offset only where it is stated."""
    shared = record.channel(plane.c).get("exposure_time_ms").value
    own = plane.exposure_time_ms
    document = asdict(plane) | {"exposure_time_ms": shared if own is None else own}
    if plane.plane_offset_um is None:
        del document["plane_offset_um"]
    return document


def record_to_json(record: AcquisitionRecord) -> Document:
    """The whole record as plain JSON; `record_from_json` gives it back."""
    document: Document = asdict(record)
    return document


def record_from_json(document: Mapping[str, Any]) -> AcquisitionRecord:
    """The record that `record_to_json` wrote. Raises KeyError or TypeError for anything else."""
    return AcquisitionRecord(
        fields=_fields(document["fields"]),
        channels=tuple(
            ChannelRecord(channel["name"], _fields(channel["fields"]))
            for channel in document["channels"]
        ),
        planes=tuple(PlaneRecord(**plane) for plane in document["planes"]),
        declared=_fields(document["declared"]),
        reported=tuple(
            Conflict(tuple(conflict["fields"]), conflict["message"])
            for conflict in document["reported"]
        ),
    )


def _fields(document: Mapping[str, Mapping[str, Any]]) -> dict[str, Field]:
    return {name: Field(**field) for name, field in document.items()}
