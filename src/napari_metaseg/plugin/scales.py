"""From a value to its place along a slider and back: even or logarithmic. No Qt here."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from napari_metaseg.conditioning.field import FieldEncoding

_LOGARITHMIC = ("magnification", "pixel_size_um", "exposure_ms")
_BEYOND = 2.0
_LEAST_RATIO = 8.0


@dataclass(frozen=True)
class Scale:
    """The values from `low` to `high`, along which places run from 0 to 1."""

    low: float
    high: float
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """Where a value lies; one beyond the scale at its end."""
        if self.logarithmic and value <= 0:
            return 0.0
        a, b, here = (self._even(v) for v in (self.low, self.high, value))
        return min(max((here - a) / (b - a), 0.0), 1.0)

    def value(self, place: float) -> float:
        """The value at a place, with as many digits as people read."""
        a, b = self._even(self.low), self._even(self.high)
        even = a + (b - a) * min(max(place, 0.0), 1.0)
        if self.logarithmic:
            return float(f"{math.exp(even):.3g}")
        step = 10 ** math.floor(math.log10((self.high - self.low) / 100))
        return round(round(even / step) * step, 10)

    def nearest(self, place: float, values: Iterable[float], within: float) -> float:
        """One of the values, where one lies `within` of a place; else the value at the place."""
        close = [v for v in values if abs(self.place(v) - place) <= within]
        return min(close, key=lambda v: abs(self.place(v) - place), default=self.value(place))

    def _even(self, value: float) -> float:
        return math.log(value) if self.logarithmic else value


def scale_of(field: FieldEncoding, true: float | None) -> Scale:
    """A scale that reaches well beyond what was trained, and holds the true value."""
    seen = [float(v) for v in (*field.trained_values, field.trained_min, field.trained_max)]
    known = [*seen, *([] if true is None else [true])]
    logarithmic = field.name in _LOGARITHMIC or field.transform != "linear"
    return around(known, logarithmic=logarithmic and min(known) > 0)


def around(values: Iterable[float], *, logarithmic: bool) -> Scale:
    """A scale that reaches beyond some values: to half and twice them, or by half their span."""
    known = list(values)
    low, high = min(known), max(known)
    if logarithmic:
        more = max(_BEYOND, math.sqrt(_LEAST_RATIO * low / high))
        return Scale(low / more, high * more, logarithmic=True)
    more = (high - low) / 2 or abs(high) or 1.0
    return Scale(low - more, high + more)
