"""Lengths in micrometres and times in milliseconds, from the units that files name.

The names are those of the OME data model (UnitsLength, UnitsTime) and of ImageJ.
"""

from __future__ import annotations

_PREFIXES = {
    "Y": 1e24, "Z": 1e21, "E": 1e18, "P": 1e15, "T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "h": 1e2,
    "da": 1e1, "": 1.0, "d": 1e-1, "c": 1e-2, "m": 1e-3, "µ": 1e-6, "n": 1e-9, "p": 1e-12,
    "f": 1e-15, "a": 1e-18, "z": 1e-21, "y": 1e-24,
}  # fmt: skip
_INCH = 25_400.0
_UM_PER_UNIT = {f"{prefix}m": factor * 1e6 for prefix, factor in _PREFIXES.items()} | {
    "Å": 1e-4,
    "thou": _INCH / 1000,
    "li": _INCH / 12,
    "in": _INCH,
    "ft": _INCH * 12,
    "yd": _INCH * 36,
    "mi": _INCH * 63_360,
    "pt": _INCH / 72,
}
_MS_PER_UNIT = {f"{prefix}s": factor * 1e3 for prefix, factor in _PREFIXES.items()} | {
    "min": 60e3,
    "h": 3.6e6,
    "d": 86.4e6,
}
_SPELLINGS = {
    "um": "µm", "micron": "µm", "microns": "µm", "micrometer": "µm", "micrometers": "µm",
    "micrometre": "µm", "micrometres": "µm", "nanometer": "nm", "nanometers": "nm",
    "millimeter": "mm", "millimeters": "mm", "centimeter": "cm", "meter": "m", "inch": "in",
    "inches": "in", "angstrom": "Å", "us": "µs", "sec": "s", "second": "s", "seconds": "s",
    "msec": "ms", "millisecond": "ms", "milliseconds": "ms", "minute": "min", "minutes": "min",
    "hour": "h", "day": "d",
}  # fmt: skip


def unit_name(text: str) -> str:
    """The unit's symbol: spellings, both micro signs and ImageJ's escaped one become one form."""
    clean = text.strip().replace("\\u00B5", "µ").replace("\\u00b5", "µ").replace("\u03bc", "µ")
    return _SPELLINGS.get(clean, _SPELLINGS.get(clean.lower(), clean))


def um_per_unit(text: str) -> float | None:
    """How many micrometres the unit is; None for "pixel" or a unit that is no length."""
    return _UM_PER_UNIT.get(unit_name(text))


def ms_per_unit(text: str) -> float | None:
    """How many milliseconds the unit is, or None for a unit that is no time."""
    return _MS_PER_UNIT.get(unit_name(text))


def scaled(value: float, factor: float) -> float:
    """The product, without the last digits that unit conversion makes up (40.00000000000001)."""
    return value if factor == 1 else float(f"{value * factor:.12g}")
