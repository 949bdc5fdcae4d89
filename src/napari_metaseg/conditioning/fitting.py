"""Fitting a field's encoding on the values that training saw."""

from __future__ import annotations

from collections.abc import Sequence

from napari_metaseg.acquisition.fields import CONDITION_FIELDS, Kind
from napari_metaseg.acquisition.record import Value
from napari_metaseg.conditioning.encodings import Encoding
from napari_metaseg.conditioning.field import (
    FieldEncoding,
    Outside,
    Transform,
    as_text,
    transformed,
)
from napari_metaseg.conditioning.number_notice import same_number

_TRANSFORMS: dict[str, Transform] = {
    "magnification": "log2",
    "pixel_size_um": "log2",
    "exposure_ms": "log10",
}

_SIGNED = {"plane_offset_um", "z_offset_um"}


def fit_field(
    name: str, values: Sequence[Value], encoding: Encoding = "value", outside: Outside = "clamp"
) -> FieldEncoding:
    """The field fitted on its known training values (at least one)."""
    kind = _kind(name, values)
    if kind == "text":
        categories = tuple(sorted({as_text(value) for value in values}))
        return FieldEncoding(name=name, kind=kind, categories=categories, trained_values=categories)
    if kind == "bool":
        seen = tuple(sorted({bool(value) for value in values}))
        return FieldEncoding(name=name, kind=kind, trained_values=seen)
    return _fit_number(name, values, encoding, outside)


def _fit_number(
    name: str, values: Sequence[Value], encoding: Encoding, outside: Outside
) -> FieldEncoding:
    """The float field; a single trained value gets scale 1, so its small spread is not blown up."""
    transform = _transform(name, values, encoding)
    ordered = sorted(values, key=lambda value: transformed(name, value, transform))
    low, high = (transformed(name, value, transform) for value in (ordered[0], ordered[-1]))
    distinct = _distinct(ordered)
    return FieldEncoding(
        name=name,
        kind="float",
        transform=transform,
        encoding=encoding,
        outside=outside,
        centre=(low + high) / 2,
        scale=(high - low) / 2 if len(distinct) > 1 else 1.0,
        trained_min=float(ordered[0]),
        trained_max=float(ordered[-1]),
        trained_values=distinct,
    )


def _transform(name: str, values: Sequence[Value], encoding: Encoding) -> Transform:
    """The scale on which the field's numbers are even; log2 needs numbers above 0 and no sign."""
    if encoding == "normalised":
        return "linear"
    if encoding == "log2":
        positive = name not in _SIGNED and all(float(value) > 0 for value in values)
        return "log2" if positive else "linear"
    return _TRANSFORMS.get(name, "linear")


def _kind(name: str, values: Sequence[Value]) -> Kind:
    """A known field's own kind; a free field's is text unless all values are of one other kind."""
    if name in CONDITION_FIELDS:
        return CONDITION_FIELDS[name].kind
    if all(isinstance(value, bool) for value in values):
        return "bool"
    numbers = all(isinstance(v, float | int) and not isinstance(v, bool) for v in values)
    return "float" if numbers else "text"


def _distinct(values: Sequence[Value]) -> tuple[float, ...]:
    """The numbers in rising order, without those that are the same as the one before."""
    found: list[float] = []
    for number in sorted(float(value) for value in values):
        if not found or not same_number(number, found[-1]):
            found.append(number)
    return tuple(found)
