"""Which values of a field are tried: those it was trained with, and those around them."""

from __future__ import annotations

import math

import numpy as np

from napari_metaseg.acquisition.record import Value
from napari_metaseg.conditioning.field import FEW, FieldEncoding, Transform, as_text
from napari_metaseg.packages.manifest import Canonical, PackageManifest

UNKNOWN = "unknown"
_SPREAD = 7
"""How many values stand for a field that was trained with more than a few."""

_CURVE_POINTS = 21
_BEYOND = 0.35
"""How far a response curve goes past the trained range, as a part of its span, at each end."""


def swept_fields(manifest: PackageManifest) -> tuple[FieldEncoding, ...]:
    """Every field that can change what the package predicts.

    The field that gives the scale of a canonical package has no encoder unless the network sees it
    too: then half, once and twice the canonical value stand for the trained ones.
    """
    fields, canonical = manifest.fields, manifest.canonical
    if canonical is None or canonical.field in {field.name for field in fields}:
        return fields
    return (_scale_field(canonical), *fields)


def sweep_values(field: FieldEncoding) -> tuple[Value, ...]:
    """The trained values; of more than a few numbers, evenly spread ones over the trained range."""
    if field.kind != "float" or len(field.trained_values) <= FEW:
        return field.trained_values
    low, high = float(field.trained_values[0]), float(field.trained_values[-1])
    return tuple(_spread(field.transform, low, high, _SPREAD))


def curve_values(field: FieldEncoding) -> tuple[float, ...]:
    """Numbers over the trained range and beyond both its ends, in rising order.

    Trained values are among them. Empty for a field that is not a number.
    """
    if field.kind != "float" or field.trained_min is None or field.trained_max is None:
        return ()
    low, high = (_forward(field.transform, v) for v in (field.trained_min, field.trained_max))
    margin = _BEYOND * (high - low) or 1.0
    ends = (_back(field.transform, low - margin), _back(field.transform, high + margin))
    trained = [float(v) for v in sweep_values(field)]
    return tuple(sorted({*_spread(field.transform, *ends, _CURVE_POINTS), *trained}))


def label_of_value(value: Value | None) -> str:
    """The value for people; None is "unknown"."""
    if value is None:
        return UNKNOWN
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return as_text(value)


def _scale_field(canonical: Canonical) -> FieldEncoding:
    values = (canonical.value / 2, canonical.value, 2 * canonical.value)
    return FieldEncoding(
        name=canonical.field,
        kind="float",
        transform="log2",
        centre=math.log2(canonical.value),
        trained_min=values[0],
        trained_max=values[-1],
        trained_values=values,
        outside="extrapolate",
    )


def _spread(transform: Transform, low: float, high: float, count: int) -> list[float]:
    ends = _forward(transform, low), _forward(transform, high)
    return [_back(transform, float(t)) for t in np.linspace(*ends, count)]


def _forward(transform: Transform, value: float) -> float:
    return value if transform == "linear" else math.log2(value)


def _back(transform: Transform, value: float) -> float:
    return value if transform == "linear" else 2.0**value
