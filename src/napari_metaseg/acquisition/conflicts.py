"""What in a record cannot hold together: shown to people, never resolved behind their back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from napari_metaseg.acquisition.condition import derive_condition
from napari_metaseg.acquisition.record import (
    MISSING,
    AcquisitionRecord,
    ChannelRecord,
    Conflict,
    Field,
    PlaneRecord,
    Value,
)
from napari_metaseg.acquisition.vocabulary import SCANNING_MODES

_PLAUSIBLE_CAMERA_PIXEL_UM = (2.5, 25.0)
_LONGEST_LIKELY_EXPOSURE_MS = 60_000.0
_HIGHEST_INDEX = 1.8
"""Of any immersion liquid (diiodomethane with sulphur, 1.78); NA = n sin α is below n."""


def conflicts(record: AcquisitionRecord) -> tuple[Conflict, ...]:
    """What in the record cannot hold together; nothing is dropped because of it."""
    found = list(record.reported)
    found += _pixel_size_conflicts(record)
    found += _exposure_conflicts(record)
    found += _aperture_conflicts(record)
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
    scanned = record.channel(0).get("acquisition_mode").value in SCANNING_MODES
    if magnification and size and not scanned:
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


def _aperture_conflicts(record: AcquisitionRecord) -> list[Conflict]:
    aperture, index = _number(record.get("lens_na")), _number(record.get("refractive_index"))
    limit = index or (1.0 if record.get("immersion").value == "Air" else _HIGHEST_INDEX)
    if aperture is None or aperture <= limit:
        return []
    message = f"an NA of {aperture:g} is impossible at a refractive index of {limit:g}"
    return [Conflict(("lens_na",), message)]


def _declared_conflicts(record: AcquisitionRecord) -> list[Conflict]:
    """What was stated of the image, of a channel or of planes and differs from the file."""
    channels = tuple(ChannelRecord(channel.name, channel.fields) for channel in record.channels)
    bare = AcquisitionRecord(record.fields, channels, record.planes)
    found = _differences("", _values(record.declared), {**bare.fields, **derive_condition(bare)})
    for c, channel in enumerate(record.channels):
        if channel.declared:
            told = {**channel.fields, **derive_condition(bare, c)}
            found += _differences(f" for {_name(channel, c)}", _values(channel.declared), told)
    for plane in record.planes:
        if plane.declared:
            about = f" for planes of {_name(record.channel(plane.c), plane.c)}"
            found += _differences(about, _values(plane.declared), _told_of_plane(bare, plane))
    return list(dict.fromkeys(found))  # once for all planes of one kind


def disagreements(
    record: AcquisitionRecord,
    stated: Mapping[str, Value],
    place: tuple[int, int | None, int] = (0, None, 0),
) -> tuple[Conflict, ...]:
    """Where `stated` (a cohort's cells, `--set`) differs from what file and sidecar say.

    `place` is channel, z (None: the image as a whole) and time.
    """
    return tuple(_differences("", stated, derive_condition(record, *place)))


def _name(channel: ChannelRecord, c: int) -> str:
    return f"channel {channel.name!r}" if channel.name else f"channel {c}"


def _told_of_plane(bare: AcquisitionRecord, plane: PlaneRecord) -> dict[str, Field]:
    """What the file says of one plane."""
    alone = replace(plane, declared={})
    here = replace(bare, planes=(alone,))
    own = {n: Field(getattr(plane, n), "file") for n in ("position_z_um", "exposure_time_ms")}
    return {**own, **derive_condition(here, plane.c, plane.z, plane.t)}


def _differences(
    about: str, stated: Mapping[str, Value], told: Mapping[str, Field]
) -> list[Conflict]:
    """Where `stated` differs from what was told before, other than by inference."""
    found = []
    for name, value in stated.items():
        other = told.get(name, MISSING)
        if other.source == "inferred" or other.value is None or _agree(value, other.value):
            continue
        who = "the file" if other.source == "file" else other.path or "a person"
        message = f"stated as {_shown(value)}{about}, {who} says {_shown(other.value)}"
        found.append(Conflict((name,), message))
    return found


def _values(declared: Mapping[str, Field]) -> dict[str, Value]:
    return {name: field.value for name, field in declared.items() if field.value is not None}


def _shown(value: Value | None) -> str:
    number = isinstance(value, float | int) and not isinstance(value, bool)
    return f"{value:g}" if number else str(value)


def _agree(a: Value | None, b: Value) -> bool:
    if isinstance(a, float | int) and isinstance(b, float | int):
        return abs(a - b) <= 0.01 * max(abs(a), abs(b))
    return a == b
