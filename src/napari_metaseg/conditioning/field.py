"""One condition field as networks see it: its numbers, its presence mark, and what was trained."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict

from napari_metaseg.acquisition.fields import Kind
from napari_metaseg.acquisition.record import Value
from napari_metaseg.conditioning.encodings import (
    Encoding,
    encode_number,
    encoded_size,
    encoding_levels,
)
from napari_metaseg.conditioning.number_notice import FEW, number_notice, same_number
from napari_metaseg.errors import InputError

__all__ = [
    "FEW",
    "FieldEncoding",
    "Outside",
    "Transform",
    "as_text",
    "same_number",
    "transformed",
]

Transform = Literal["log2", "log10", "linear"]
Outside = Literal["clamp", "extrapolate"]


class FieldEncoding(BaseModel):
    """How one field becomes numbers, fitted on the training values.

    A float is transformed, scaled so that the trained range becomes [-1, 1], and encoded; a truth
    value becomes -1 or 1; a text one-hot over `categories`. The last number of a field is its
    presence mark: 1 where the value is known, and all numbers are 0 where it is not. With the
    encoding one-hot a number counts as the nearest trained one in the transformed scale, whatever
    `outside` says.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    kind: Kind
    transform: Transform = "linear"
    encoding: Encoding = "value"
    outside: Outside = "clamp"
    centre: float = 0.0
    scale: float = 1.0
    categories: tuple[str, ...] = ()
    trained_min: float | None = None
    trained_max: float | None = None
    trained_values: tuple[bool, ...] | tuple[float, ...] | tuple[str, ...] = ()
    """Every distinct training value in order; floats closer than 1 % count as one."""

    @property
    def size(self) -> int:
        """How many numbers the field takes, its presence mark included."""
        if self.kind == "float":
            return encoded_size(self.encoding, self.levels) + 1
        return (len(self.categories) if self.kind == "text" else 1) + 1

    @property
    def categorical(self) -> bool:
        """Whether the field's numbers but the last stand for one category each."""
        return self.kind == "text" or self.encoding == "one-hot"

    def encode(self, value: Value | None) -> list[float]:
        """The field's numbers; zeros for None and for a value whose category was never trained."""
        if value is None or not self.trained(value):
            return [0.0] * self.size
        if self.kind == "float":
            return [*encode_number(self.encoding, self._inside(value), self.levels), 1.0]
        if self.kind == "bool":
            return [1.0 if value else -1.0, 1.0]
        return [float(category == as_text(value)) for category in self.categories] + [1.0]

    def trained(self, value: Value) -> bool:
        """Whether training saw this category; every number counts as seen.

        Raises `InputError` for a value that is not of the field's kind.
        """
        if self.kind == "float":
            self.scaled(value)
            return True
        if self.kind == "bool":
            return self._as_bool(value) in self.trained_values
        return as_text(value) in self.categories

    def scaled(self, value: Value) -> float:
        """The transformed number, scaled so that the trained range is [-1, 1]."""
        return (transformed(self.name, value, self.transform) - self.centre) / self.scale

    def covering(self, low: float, high: float) -> FieldEncoding:
        """The field with a trained range that reaches from `low` to `high`, if it did not before.

        For what an augmentation showed the network; the trained values themselves stay, and with
        them the levels of an encoding. Fields that are no numbers are left as they are.
        """
        if self.trained_min is None or self.trained_max is None:
            return self
        low, high = min(low, self.trained_min), max(high, self.trained_max)
        if (low, high) == (self.trained_min, self.trained_max):
            return self
        ends = [transformed(self.name, end, self.transform) for end in (low, high)]
        changed = {"centre": sum(ends) / 2, "scale": (ends[1] - ends[0]) / 2}
        return self.model_copy(update={"trained_min": low, "trained_max": high, **changed})

    def _inside(self, value: Value) -> float:
        """The scaled number; the nearest trained one's beyond the range, unless it extrapolates."""
        z = self.scaled(value)
        if self.outside == "extrapolate" or self.trained_min is None or self.trained_max is None:
            return z
        return max(self.scaled(self.trained_min), min(self.scaled(self.trained_max), z))

    def _as_bool(self, value: Value) -> bool:
        if not isinstance(value, bool):
            raise InputError(f"{self.name} must be true or false", got=repr(value))
        return value

    @property
    def levels(self) -> tuple[float, ...]:
        """The scaled values that the encoding's numbers stand for; none where it has no levels."""
        return encoding_levels(self.encoding, [self.scaled(value) for value in self.trained_values])

    @property
    def trained_text(self) -> str:
        """The trained values or their range, for people: "5, 10, 20, 40" or "2 to 31"."""
        if self.kind != "float" or len(self.trained_values) <= FEW:
            return ", ".join(as_text(value) for value in self.trained_values)
        return f"{self.trained_values[0]:g} to {self.trained_values[-1]:g}"

    def notice(self, value: Value | None) -> str | None:
        """One plain sentence where prediction leaves what was trained, else None."""
        if value is None:
            return f"{self.name} is unknown; the prediction does without it"
        if not self.trained(value):
            return f"{self.name} '{as_text(value)}' was never seen in training; treated as unknown"
        return number_notice(self, float(value)) if self.kind == "float" else None


def transformed(name: str, value: Value, transform: Transform) -> float:
    """The number after its transform; `InputError` if it has none."""
    if isinstance(value, bool | str) or not math.isfinite(value):
        raise InputError(f"{name} must be a finite number", got=repr(value))
    if transform == "linear":
        return float(value)
    if value <= 0:
        raise InputError(f"{name} must be above 0", got=f"{value:g}")
    return math.log2(value) if transform == "log2" else math.log10(value)


def as_text(value: Value) -> str:
    """A value as a category or for people: numbers without needless digits, "yes" and "no"."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else f"{value:g}"
