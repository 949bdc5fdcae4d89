"""The acquisition record of an OME-Zarr image, from whichever of four places holds it.

Ours is a group attribute, written whole. Else the OME-XML that Bio-Formats' converter leaves in
`OME/METADATA.ome.xml`; pixel sizes from the scale, and names from `omero`, fill what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    ChannelRecord,
    Conflict,
    Field,
)
from napari_metaseg.acquisition.record_json import record_from_json
from napari_metaseg.images.units import scaled, um_per_unit
from napari_metaseg.images.zarr.multiscale import Multiscale
from napari_metaseg.images.zarr.stored import Json, objects

NAMESPACE = "napari-metaseg"
"""The group attribute that is ours: {"record": …, "colour": true where C is red, green, blue}."""


def image_record(
    image: Multiscale, attributes: Json, described: AcquisitionRecord | None
) -> AcquisitionRecord:
    """The record; `described` is what the OME-XML beside the image says of it."""
    sizes, notices = _pixel_sizes(image)
    own = own_attribute(attributes).get("record")
    if isinstance(own, dict):
        kept = record_from_json(own)
        if kept != AcquisitionRecord():
            return _checked(kept, sizes)
    record = described or AcquisitionRecord()
    record = _checked(record, sizes)
    fields = {**sizes, **record.fields}
    told = notices if not record.fields.keys() & {f"pixel_size_{a}_um" for a in "xyz"} else ()
    channels = _named(record.channels, _omero_names(attributes), _length(image, "C"))
    return replace(record, fields=fields, channels=channels, reported=(*record.reported, *told))


def own_attribute(attributes: Json) -> Mapping[str, Any]:
    """Our attribute of the group, or nothing."""
    value = attributes.get(NAMESPACE)
    return value if isinstance(value, dict) else {}


def _pixel_sizes(image: Multiscale) -> tuple[dict[str, Field], tuple[Conflict, ...]]:
    """`pixel_size_{x,y,z}_um` from scale and unit.

    A scale without a unit is read as µm, as inferred; 1 without a unit is no calibration.
    """
    fields: dict[str, Field] = {}
    guessed = []
    for axis in "xyz":
        value, unit = image.scale.get(axis.upper()), image.units.get(axis.upper(), "")
        factor = um_per_unit(unit or "µm")
        if value is None or factor is None or (value == 1 and not unit):
            continue
        source = "file" if unit else "inferred"
        path = f"multiscales/axes[{axis}] and scale" + ("" if unit else ", no unit: read as µm")
        fields[f"pixel_size_{axis}_um"] = Field(
            scaled(value, factor),
            "file" if source == "file" else "inferred",
            path,
            f"{value:g} {unit}".strip(),
        )
        if not unit:
            guessed.append(f"pixel_size_{axis}_um")
    if not guessed:
        return fields, ()
    return fields, (Conflict(tuple(guessed), "the scale has no unit; read as µm"),)


def _checked(record: AcquisitionRecord, sizes: Mapping[str, Field]) -> AcquisitionRecord:
    """The record, with a conflict where the scale tells another pixel size."""
    found = list(record.reported)
    for name, field in sizes.items():
        kept, other = record.fields.get(name, Field()).value, field.value
        if not isinstance(kept, float) or not isinstance(other, float):
            continue
        if abs(kept - other) > 0.01 * max(kept, other):
            message = f"{kept:g} µm in the record, {other:g} µm by the image's scale"
            found.append(Conflict((name,), message))
    reported = tuple(dict.fromkeys(found))
    return record if reported == record.reported else replace(record, reported=reported)


def _omero_names(attributes: Json) -> list[str]:
    omero = attributes.get("omero")
    channels = objects(omero.get("channels")) if isinstance(omero, dict) else []
    return [str(c["label"]) if isinstance(c.get("label"), str) else "" for c in channels]


def _named(
    channels: tuple[ChannelRecord, ...], names: list[str], count: int
) -> tuple[ChannelRecord, ...]:
    """One record per channel, with the name of `omero` where it has none of its own."""
    padded = (channels + (ChannelRecord(name=""),) * count)[:count]
    given = (names + [""] * count)[:count]
    return tuple(
        c if c.name else replace(c, name=name) for c, name in zip(padded, given, strict=True)
    )


def _length(image: Multiscale, axis: str) -> int:
    return dict(zip(image.stored_axes, image.array.shape, strict=True)).get(axis, 1)
