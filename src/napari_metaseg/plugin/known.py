"""What is known of a layer: its file's record, with the edits made in napari laid over it."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from napari.layers import Layer

from napari_metaseg.acquisition.condition import Condition, condition_values, derive_condition
from napari_metaseg.acquisition.fields import CONDITION_FIELDS
from napari_metaseg.acquisition.record import (
    CHANNEL_FIELDS,
    MISSING,
    RECORD_FIELDS,
    AcquisitionRecord,
    Field,
    Value,
)
from napari_metaseg.acquisition.record_json import record_from_json
from napari_metaseg.acquisition.statements import Statements, apply_statements
from napari_metaseg.plugin import layers
from napari_metaseg.plugin.calibration import scale_statement, y_field, z_field
from napari_metaseg.plugin.layers import PlaneIndex

EDITED = "edited here"


def channel_of(layer: Layer) -> int:
    """The number of the channel that the layer shows."""
    return int(layers.info(layer).get("channel", 0))


def file_record(layer: Layer) -> AcquisitionRecord:
    """What the file says, without the edits."""
    return _records(layer)[0]


def stated_record(layer: Layer) -> AcquisitionRecord:
    """The file's record with the edits, but without a scale that was changed elsewhere."""
    return _records(layer)[1]


def record_of(layer: Layer) -> AcquisitionRecord:
    """The layer's record with every edit: of the image, its channel, its planes and its scale."""
    record = stated_record(layer)
    changed = scale_statement(layer, record)
    return record.declare(changed, path=EDITED) if changed else record


_cache: WeakKeyDictionary[Layer, tuple[Any, AcquisitionRecord, AcquisitionRecord]] = (
    WeakKeyDictionary()
)
"""A layer's entry is never mutated, so its records hold as long as the entry is the same."""


def _records(layer: Layer) -> tuple[AcquisitionRecord, AcquisitionRecord]:
    entry = layer.metadata.get(layers.KEY)
    cached = _cache.get(layer)
    if cached is None or cached[0] is not entry or entry is None:
        base = record_from_json(layers.info(layer).get("record"))
        cached = _cache[layer] = (entry, base, _with_edits(layer, base))
    return cached[1], cached[2]


def _with_edits(layer: Layer, base: AcquisitionRecord) -> AcquisitionRecord:
    return apply_statements(base, layer_statements(layer), path=EDITED)


def layer_statements(layer: Layer) -> Statements:
    """The edits of the layer, as they are saved."""
    entry, c = layers.info(layer), channel_of(layer)
    channel = dict(entry.get("declared_channel", {}))
    planes = {PlaneIndex.from_key(k): dict(v) for k, v in entry.get("declared_planes", {}).items()}
    return Statements(
        dict(entry.get("declared", {})),
        {c: channel} if channel else {},
        {(c, at.z, at.t): values for at, values in planes.items() if values},
    )


def condition_fields(layer: Layer, plane: PlaneIndex | None = None) -> dict[str, Field]:
    """Every condition field of one plane (None: of the image as a whole) with its source."""
    return _derive(record_of(layer), channel_of(layer), plane)


def condition_of(layer: Layer, plane: PlaneIndex | None = None) -> Condition:
    """What is known of one plane: what a network sees."""
    return condition_values(condition_fields(layer, plane))


def field_of(layer: Layer, name: str, plane: PlaneIndex | None = None) -> Field:
    """One field of any family, as it holds for the layer's channel and a plane."""
    return field_in(record_of(layer), channel_of(layer), name, plane)


def file_value(layer: Layer, name: str, plane: PlaneIndex | None = None) -> Value | None:
    """What would show without any edit: the file's value, or what is inferred from it."""
    return field_in(file_record(layer), channel_of(layer), name, plane).value


def field_in(record: AcquisitionRecord, c: int, name: str, plane: PlaneIndex | None) -> Field:
    """One field of a record, for a channel and a plane (None: the image as a whole)."""
    if name == "pixel_size_y_um":
        return y_field(record)
    if name == "pixel_size_z_um":
        return z_field(record)
    if name in CONDITION_FIELDS or name not in RECORD_FIELDS:
        return _derive(record, c, plane).get(name, MISSING)
    return record.channel(c).get(name) if name in CHANNEL_FIELDS else record.get(name)


def _derive(record: AcquisitionRecord, c: int, plane: PlaneIndex | None) -> dict[str, Field]:
    if plane is None:
        return derive_condition(record, c=c)
    return derive_condition(record, c=c, z=plane.z, t=plane.t)
