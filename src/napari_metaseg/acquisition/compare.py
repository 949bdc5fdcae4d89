"""What two records of one image must have in common: values and sources, not the places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_metaseg.acquisition.record import AcquisitionRecord, Field

Facts = Mapping[str, tuple[Any, str]]


def field_facts(record: AcquisitionRecord) -> dict[str, tuple[Any, str]]:
    """Value and source of each field that the file gave, of the image and of its channels."""
    found = dict(_facts(record.fields))
    for c, channel in enumerate(record.channels):
        found |= {f"channel {c}/{name}": fact for name, fact in _facts(channel.fields).items()}
    return found


def plane_facts(record: AcquisitionRecord) -> dict[tuple[int, int, int], tuple[Any, ...]]:
    """Position, exposure and offset of each plane of which one is known."""
    planes = {
        (p.c, p.z, p.t): (p.position_z_um, p.exposure_time_ms, p.plane_offset_um)
        for p in record.planes
    }
    return {czt: facts for czt, facts in planes.items() if set(facts) != {None}}


def declared_facts(record: AcquisitionRecord) -> dict[str, Facts]:
    """Value and source of what was declared, of the image, its channels and its planes."""
    parts = {"": record.declared}
    parts |= {f"{c}": channel.declared for c, channel in enumerate(record.channels)}
    parts |= {f"{p.c}/{p.z}/{p.t}": p.declared for p in record.planes}
    return {key: _facts(fields) for key, fields in parts.items() if fields}


def _facts(fields: Mapping[str, Field]) -> Facts:
    return {name: (field.value, field.source) for name, field in fields.items() if field.known}
