"""What is said of a number that training did not have: where it lies, and what is done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_metaseg.acquisition.fields import CONDITION_FIELDS
from napari_metaseg.conditioning.encodings import nearest_level

if TYPE_CHECKING:
    from napari_metaseg.conditioning.field import FieldEncoding

FEW = 8
"""Up to this many trained values are listed; beyond, the range says enough."""

_SAME = 0.01
"""Relative difference below which two numbers are one trained value."""
_ZOOMED = ("magnification", "pixel_size_um")


def same_number(a: float, b: float) -> bool:
    """Whether two numbers differ by less than 1 %, so that they count as one trained value."""
    return abs(a - b) <= _SAME * max(abs(a), abs(b))


def number_notice(field: FieldEncoding, number: float) -> str | None:
    """One plain sentence on a number that is none of the trained ones, else None."""
    seen = [float(value) for value in field.trained_values]
    if any(same_number(number, known) for known in seen):
        return None
    if field.encoding == "one-hot":
        return _category_notice(field, number, seen)
    shown = _with_unit(field.name, number)
    low, high = field.trained_min, field.trained_max
    if low is not None and high is not None and not low <= number <= high:
        edge = _with_unit(field.name, low if number < low else high)
        done = f"{edge} is used" if field.outside == "clamp" else "the network extrapolates"
        return f"{field.name} {shown} is outside the trained range ({low:g} to {high:g}); {done}"
    if not seen[0] <= number <= seen[-1]:
        how = "by zooming only" if field.name in _ZOOMED else "by augmentation only"
        return f"{field.name} {shown} was trained {how}, from {field.trained_text}"
    if len(seen) > FEW:
        return None
    return f"{field.name} {shown} lies between trained values ({field.trained_text})"


def _category_notice(field: FieldEncoding, number: float, seen: list[float]) -> str | None:
    """Which trained value stands in; nothing within a range that even levels cover."""
    if len(field.levels) < len(seen) and seen[0] <= number <= seen[-1]:
        return None
    nearest = seen[nearest_level(field.scaled(number), [field.scaled(v) for v in seen])]
    shown, taken = (_with_unit(field.name, n) for n in (number, nearest))
    return (
        f"{field.name} {shown} is none of the trained values ({field.trained_text}); "
        f"treated as {taken}"
    )


def _with_unit(name: str, number: float) -> str:
    unit = CONDITION_FIELDS[name].unit if name in CONDITION_FIELDS else ""
    return f"{number:g}{unit}" if unit in ("", "x") else f"{number:g} {unit}"
