"""Condition fields: the few facts that networks see, derived from the full record.

One pure function (`derive_condition`) does it for one plane. A condition is a mapping from field
name to value in which an unknown field is absent.
"""

from __future__ import annotations

from collections.abc import Mapping

from napari_metaseg.acquisition.fields import CONDITION_FIELDS
from napari_metaseg.acquisition.record import (
    MISSING,
    RECORD_FIELDS,
    AcquisitionRecord,
    Field,
    Value,
)
from napari_metaseg.acquisition.vocabulary import modality_from_ome

Condition = Mapping[str, Value]

DEFAULT_DEPTH_OF_FIELD_UM = 1.0
"""The in-focus threshold where the NA is unknown."""


def derive_condition(
    record: AcquisitionRecord, c: int = 0, z: int | None = None, t: int = 0
) -> dict[str, Field]:
    """Every condition field of one plane, with its source.

    `z` None asks for the image as a whole: a field that varies over z is then missing. What was
    declared (by a person, table or sidecar) comes first, then the file, then inference.
    """
    derived = {
        "magnification": _magnification(record),
        "pixel_size_um": record.get("pixel_size_x_um"),
        "modality": _modality(record, c),
        "exposure_ms": _exposure(record, c, z, t),
        "plane": MISSING,
        "plane_offset_um": _plane_offset(record, c, z, t),
        "immersion": _immersion(record),
    }
    stated = _stated(record, c, z, t)
    offset = stated.get("plane_offset_um", derived["plane_offset_um"])
    derived["in_focus"] = _in_focus(record, offset)
    merged = {name: derived[name] for name in CONDITION_FIELDS}
    merged.update(stated)
    return merged


def _stated(record: AcquisitionRecord, c: int, z: int | None, t: int) -> dict[str, Field]:
    """What was declared of the image, the channel and the plane; the narrower statement wins."""
    found = {**record.declared, **record.channel(c).declared}
    plane = None if z is None else record.plane(c, z, t)
    found |= plane.declared if plane else {}
    return {n: f for n, f in found.items() if n in CONDITION_FIELDS or n not in RECORD_FIELDS}


def condition_values(fields: Mapping[str, Field]) -> dict[str, Value]:
    """The known values alone: what an encoder takes."""
    return {name: f.value for name, f in fields.items() if f.value is not None}


def domain_label(condition: Condition, by: tuple[str, ...] | None = None) -> str:
    """A short label such as `brightfield · 20x · 40 ms`, or "unknown"."""
    order = by or ("modality", "magnification", "exposure_ms", "plane_offset_um", "immersion")
    parts = [_with_unit(name, condition[name]) for name in order if name in condition]
    return " · ".join(parts) or "unknown"


def _with_unit(name: str, value: Value) -> str:
    spec = CONDITION_FIELDS.get(name)
    if isinstance(value, bool):
        yes = spec.label.lower() if spec else name
        return yes if value else f"not {yes}"
    if isinstance(value, float | int):
        unit = spec.unit if spec else ""
        signed = name == "plane_offset_um" and value != 0
        number = f"{value:+g}" if signed else f"{value:g}"
        return f"{number}{unit}" if unit in ("", "x") else f"{number} {unit}"
    return value


def _magnification(record: AcquisitionRecord) -> Field:
    total = record.get("total_magnification")
    return total if total.known else record.get("objective_nominal_magnification")


def _modality(record: AcquisitionRecord, c: int) -> Field:
    channel = record.channel(c)
    words = [channel.get(n) for n in ("contrast_method", "illumination_type", "acquisition_mode")]
    texts = [str(w.value) if w.known else None for w in words]
    found = modality_from_ome(texts[0], texts[1], texts[2])
    if found is None:
        return MISSING
    value, origin = found
    source = words[0] if origin.startswith("ContrastMethod") else None
    if source is not None:
        return Field(value, source.source, source.path, original=texts[0])
    return Field(value, "inferred", origin, original=origin.split()[-1])


def _immersion(record: AcquisitionRecord) -> Field:
    stated = record.get("immersion")
    if stated.known:
        return stated
    index = record.get("refractive_index").value
    if not isinstance(index, float):
        return MISSING
    media = {"Air": 1.0, "Water": 1.333, "Glycerol": 1.47, "Oil": 1.515}
    name, nearest = min(media.items(), key=lambda item: abs(item[1] - index))
    if abs(nearest - index) > 0.02:
        return MISSING
    return Field(name, "inferred", "refractive_index", original=index)


def _exposure(record: AcquisitionRecord, c: int, z: int | None, t: int) -> Field:
    plane = None if z is None else record.plane(c, z, t)
    stated = {**record.declared, **record.channel(c).declared}
    stated |= plane.declared if plane else {}
    if "exposure_time_ms" in stated:
        return stated["exposure_time_ms"]
    if plane is not None and plane.exposure_time_ms is not None:
        return Field(plane.exposure_time_ms, "file", f"plane c={c} z={z} t={t}")
    channel = record.channel(c).get("exposure_time_ms")
    if channel.known:
        return channel
    if z is not None:
        return MISSING
    times = {p.exposure_time_ms for p in record.planes if p.c == c}
    if len(times) == 1 and None not in times:
        return Field(times.pop(), "file", f"all planes of channel {c}")
    return MISSING


def _plane_offset(record: AcquisitionRecord, c: int, z: int | None, t: int) -> Field:
    """The plane's signed distance from focus.

    A stated offset counts as the file's. A stage position is not an offset, unless the positions
    of the stack run from below zero to above it through a plane at exactly zero: then zero is
    taken for the focus, and the value is marked as inferred.
    """
    planes = record.stack(c, t)
    here = planes if z is None else tuple(p for p in planes if p.z == z)
    stated = {p.plane_offset_um for p in here}
    if len(stated) == 1 and None not in stated:
        return Field(stated.pop(), "file", "plane offset")
    if stated - {None}:
        return MISSING
    positions = [p.position_z_um for p in planes if p.position_z_um is not None]
    through_zero = bool(positions) and min(positions) < 0 < max(positions) and 0.0 in positions
    own = {p.position_z_um for p in here}
    if not through_zero or len(own) != 1 or None in own:
        return MISSING
    value = own.pop()
    return Field(value, "inferred", "PositionZ, zero taken as focus", original=value)


def depth_of_field_um(record: AcquisitionRecord) -> float | None:
    """λ·n/NA² with λ = 0.55 µm and n from the record (1 where unknown), or None without an NA.

    Source: the wave-optical term in Inoué & Spring, Video Microscopy, 2nd ed. 1997.
    """
    na = record.get("lens_na").value
    if not isinstance(na, float) or na <= 0:
        return None
    index = record.get("refractive_index").value
    return 0.55 * (index if isinstance(index, float) else 1.0) / na**2


def _in_focus(record: AcquisitionRecord, offset: Field) -> Field:
    if not isinstance(offset.value, float | int):
        return MISSING
    threshold = depth_of_field_um(record)
    threshold = DEFAULT_DEPTH_OF_FIELD_UM if threshold is None else threshold
    rule = f"|offset| at most {threshold:.2g} µm"
    return Field(abs(offset.value) <= threshold, "inferred", rule, original=offset.value)
