"""Where a value stands to what training saw, in one word."""

from __future__ import annotations

from typing import Literal

from napari_metaseg.acquisition.record import Value
from napari_metaseg.conditioning.field import FEW, FieldEncoding, same_number

Standing = Literal["trained", "interpolated", "extrapolated", "not trained", "unknown"]


def standing(field: FieldEncoding, value: Value | None) -> Standing:
    """Whether training saw this value, or one on either side of it, or only on one side.

    Of many trained numbers (more than `FEW`) their whole range counts as trained; a category or
    truth value that training did not see is "not trained". Raises `InputError` for a value that is
    not of the field's kind.
    """
    if value is None:
        return "unknown"
    if not field.trained(value):
        return "not trained"
    return _number_standing(field, float(value)) if field.kind == "float" else "trained"


def _number_standing(field: FieldEncoding, number: float) -> Standing:
    seen = [float(value) for value in field.trained_values]
    if any(same_number(number, known) for known in seen):
        return "trained"
    if not seen[0] < number < seen[-1]:
        return "extrapolated"
    return "interpolated" if len(seen) <= FEW else "trained"
