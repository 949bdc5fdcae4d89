"""An image and its acquisition record as the document that `metaseg info --json` prints."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from napari_metaseg.acquisition.condition import derive_condition
from napari_metaseg.acquisition.conflicts import conflicts
from napari_metaseg.acquisition.record import (
    CHANNEL_FIELDS,
    IMAGE_FIELDS,
    AcquisitionRecord,
    ChannelRecord,
    Field,
    PlaneRecord,
)

Document = dict[str, Any]


def image_document(
    *, name: str, axes: str, shape: tuple[int, ...], record: AcquisitionRecord
) -> Document:
    """One image as plain JSON: what is known of it, with sources, and what disagrees.

    `condition` holds every condition field of the image as a whole (first channel), None where it
    is unknown or varies from plane to plane; `planes` says what varies. Where a person, a
    table or a sidecar stated something, `declared` holds it: of the image, a channel or a plane.
    """
    count = dict(zip(axes, shape, strict=True)).get("C", 1)
    channels = [record.channel(i) for i in range(max(count, len(record.channels)))]
    document: Document = {
        "name": name,
        "axes": axes,
        "shape": list(shape),
        "condition": {n: f.value for n, f in derive_condition(record).items()},
        "fields": {n: _field(record.get(n)) for n in IMAGE_FIELDS},
        "channels": [_channel(channel) for channel in channels],
        "planes": [_plane(plane, record) for plane in record.planes],
        "conflicts": [{"fields": list(c.fields), "message": c.message} for c in conflicts(record)],
    }
    if record.declared:
        document["declared"] = {n: _field(f) for n, f in record.declared.items()}
    return document


def _channel(channel: ChannelRecord) -> Document:
    document: Document = {
        "name": channel.name,
        "fields": {n: _field(channel.get(n)) for n in CHANNEL_FIELDS},
    }
    if channel.declared:
        document["declared"] = {n: _field(f) for n, f in channel.declared.items()}
    return document


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
    document["declared"] = {name: _field(field) for name, field in plane.declared.items()}
    if not plane.declared:
        del document["declared"]
    return document
