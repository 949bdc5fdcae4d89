"""Condition fields: the few facts that networks see, derived from the full record.

One pure function (`derive_condition`) does it for one plane, and `conflicts` lists what disagrees.
A condition is a mapping from field name to value in which an unknown field is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from napari_metaseg.acquisition.record import MISSING, AcquisitionRecord, Conflict, Field, Value
from napari_metaseg.acquisition.vocabulary import (
    IMMERSIONS,
    MODALITIES,
    PLANES,
    immersion_of,
    modality_from_ome,
    modality_of,
)
from napari_metaseg.errors import InputError

Kind = Literal["float", "bool", "text"]
Condition = Mapping[str, Value]

DEFAULT_DEPTH_OF_FIELD_UM = 1.0
"""The in-focus threshold where the NA is unknown."""

_PLAUSIBLE_CAMERA_PIXEL_UM = (2.5, 25.0)
_LONGEST_LIKELY_EXPOSURE_MS = 60_000.0


@dataclass(frozen=True)
class ConditionField:
    """What a condition field is: its type, unit, label for people, and usual values."""

    name: str
    kind: Kind
    label: str
    unit: str = ""
    choices: tuple[str, ...] = ()


CONDITION_FIELDS: Mapping[str, ConditionField] = {
    spec.name: spec
    for spec in (
        ConditionField("magnification", "float", "Magnification", "x"),
        ConditionField("pixel_size_um", "float", "Pixel size", "µm"),
        ConditionField("modality", "text", "Modality", choices=MODALITIES),
        ConditionField("exposure_ms", "float", "Exposure", "ms"),
        ConditionField("plane", "text", "Plane", choices=PLANES),
        ConditionField("plane_offset_um", "float", "Offset from focus", "µm"),
        ConditionField("in_focus", "bool", "In focus"),
        ConditionField("immersion", "text", "Immersion medium", choices=IMMERSIONS),
    )
}

_POSITIVE = {"magnification", "pixel_size_um", "exposure_ms"}
_WORDS: Mapping[str, Callable[[str], str]] = {"modality": modality_of, "immersion": immersion_of}


def parse_value(name: str, text: str) -> Value | None:
    """The value that `text` states for a field; empty text is unknown.

    Known fields are parsed by their type and the words of the vocabulary; a free field becomes a
    number or a truth value where the text is one, else text. Raises `InputError` for text that
    does not fit the field.
    """
    text = text.strip()
    if not text:
        return None
    spec = CONDITION_FIELDS.get(name)
    kind = spec.kind if spec else _guess_kind(text)
    if kind == "float":
        return _positive(name, _parse_float(name, text))
    if kind == "bool":
        return _parse_bool(name, text)
    return _WORDS.get(name, str)(text)


def check_value(name: str, value: Value) -> Value:
    """`value` as the field's own type; raises `InputError` where it does not fit."""
    return _require(parse_value(name, str(value)), name)


def _require(value: Value | None, name: str) -> Value:
    if value is None:
        raise InputError(f"{name} is empty", way_out="Give a value, or leave the field out")
    return value


def _guess_kind(text: str) -> Kind:
    if text.lower() in {"true", "false"}:
        return "bool"
    try:
        float(text)
    except ValueError:
        return "text"
    return "float"


def _parse_float(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        way_out = "Write decimals with a point" if "," in text else "Leave it empty if unknown"
        raise InputError(f"{name} must be a number", got=repr(text), way_out=way_out) from None
    if value != value or value in (float("inf"), float("-inf")):
        raise InputError(f"{name} must be a finite number", got=repr(text))
    return value


def _positive(name: str, value: float) -> float:
    if name in _POSITIVE and value <= 0:
        raise InputError(f"{name} must be above 0", got=f"{value:g}")
    return value


def _parse_bool(name: str, text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "1.0": True}
    words |= {"false": False, "no": False, "0": False, "0.0": False}
    if text.lower() not in words:
        raise InputError(f"{name} must be true or false", got=repr(text))
    return words[text.lower()]


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
    offset = record.declared.get("plane_offset_um", derived["plane_offset_um"])
    derived["in_focus"] = _in_focus(record, offset)
    merged = {name: derived[name] for name in CONDITION_FIELDS}
    merged.update(record.declared)
    return merged


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
    if z is not None:
        plane = record.plane(c, z, t)
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


def conflicts(record: AcquisitionRecord) -> tuple[Conflict, ...]:
    """What in the record cannot hold together; nothing is dropped because of it."""
    found = list(record.reported)
    found += _pixel_size_conflicts(record)
    found += _exposure_conflicts(record)
    found += _declared_conflicts(record)
    return tuple(found)


def _number(field: Field) -> float | None:
    value = field.value
    return float(value) if isinstance(value, float | int) and not isinstance(value, bool) else None


def _pixel_size_conflicts(record: AcquisitionRecord) -> list[Conflict]:
    found = []
    x, y = _number(record.get("pixel_size_x_um")), _number(record.get("pixel_size_y_um"))
    if x and y and abs(x - y) > 0.01 * max(x, y):
        message = f"pixels are not square: {x:g} µm by {y:g} µm"
        found.append(Conflict(("pixel_size_x_um", "pixel_size_y_um"), message))
    fields = derive_condition(record)
    magnification, size = _number(fields["magnification"]), _number(fields["pixel_size_um"])
    if magnification and size:
        binning = _number(record.channel(0).get("binning")) or 1.0
        camera = size * magnification / binning
        low, high = _PLAUSIBLE_CAMERA_PIXEL_UM
        if not low <= camera <= high:
            message = (
                f"{magnification:g}x at {size:g} µm/px needs a camera pixel of {camera:.3g} µm, "
                f"cameras have {low:g} to {high:g} µm"
            )
            found.append(Conflict(("magnification", "pixel_size_um"), message))
    return found


def _exposure_conflicts(record: AcquisitionRecord) -> list[Conflict]:
    times = [_number(channel.get("exposure_time_ms")) for channel in record.channels]
    times += [plane.exposure_time_ms for plane in record.planes]
    longest = max((t for t in times if t is not None), default=0.0)
    if longest <= _LONGEST_LIKELY_EXPOSURE_MS:
        return []
    message = f"an exposure of {longest / 1000:g} s is unlikely; its unit may be wrong"
    return [Conflict(("exposure_ms",), message)]


def _declared_conflicts(record: AcquisitionRecord) -> list[Conflict]:
    from_file = derive_condition(AcquisitionRecord(record.fields, record.channels, record.planes))
    found = []
    for name, stated in record.declared.items():
        other = from_file.get(name, MISSING)
        if other.source != "file" or other.value is None or _agree(stated.value, other.value):
            continue
        message = f"stated as {stated.value}, the file says {other.value}"
        found.append(Conflict((name,), message))
    return found


def _agree(a: Value | None, b: Value) -> bool:
    if isinstance(a, float | int) and isinstance(b, float | int):
        return abs(a - b) <= 0.01 * max(abs(a), abs(b))
    return a == b
