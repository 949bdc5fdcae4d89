"""The metadata schema: which fields a network sees, and how a condition becomes its input vector.

It is fitted on the training conditions alone, is plain JSON (`model_dump_json`), and travels in the
model package.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.acquisition.fields import CONDITION_FIELDS
from napari_metaseg.conditioning.encodings import Encoding
from napari_metaseg.conditioning.field import FieldEncoding, Outside
from napari_metaseg.conditioning.fitting import fit_field
from napari_metaseg.errors import InputError


class MetadataSchema(BaseModel):
    """The fields a network sees, in order; an empty one is a network without metadata."""

    model_config = ConfigDict(frozen=True)

    fields: tuple[FieldEncoding, ...] = ()

    @classmethod
    def fit(
        cls,
        conditions: Iterable[Condition],
        fields: Sequence[str],
        encoding: Encoding = "value",
        outside: Outside = "clamp",
    ) -> MetadataSchema:
        """The schema for `fields` over the training conditions.

        `outside` chooses what a number beyond the trained range does: "clamp" uses the nearest
        trained value, "extrapolate" goes on along the encoding (but one-hot, which always uses the
        nearest trained value). Raises `InputError` for a field that no condition states and for a
        value that does not fit its field.
        """
        known = check_stated(conditions, fields)
        fitted = (fit_field(name, known[name], encoding, outside) for name in fields)
        return cls(fields=tuple(fitted))

    def covering(self, name: str, low: float, high: float) -> MetadataSchema:
        """The schema whose number field `name` covers `low` to `high` in training.

        For an augmentation that showed the network values beyond those of the images.
        """
        fields = (f.covering(low, high) if f.name == name else f for f in self.fields)
        return MetadataSchema(fields=tuple(fields))

    @property
    def names(self) -> tuple[str, ...]:
        """The fields' names in order."""
        return tuple(field.name for field in self.fields)

    @property
    def size(self) -> int:
        """The length of an encoded condition."""
        return sum(field.size for field in self.fields)

    @property
    def field_slices(self) -> Mapping[str, slice]:
        """Where each field stands in the encoded vector; the last number is its presence mark."""
        ends = list(accumulate(field.size for field in self.fields))
        return {f.name: slice(end - f.size, end) for f, end in zip(self.fields, ends, strict=True)}

    def encode(self, condition: Condition) -> NDArray[np.float32]:
        """The condition as a vector of shape (size,); an unknown field is all zeros.

        Fields that the schema does not have are ignored; a category never seen in training counts
        as unknown. Raises `InputError` for a value that is not of its field's kind.
        """
        numbers = [n for field in self.fields for n in field.encode(condition.get(field.name))]
        return np.asarray(numbers, np.float32)

    def notices(self, condition: Condition) -> tuple[str, ...]:
        """Plain sentences on where this condition leaves what training saw."""
        found = (field.notice(condition.get(field.name)) for field in self.fields)
        return tuple(sentence for sentence in found if sentence)

    def drop(self, vector: NDArray[np.float32], dropped: NDArray[np.bool_]) -> NDArray[np.float32]:
        """A copy in which the dropped fields are unknown.

        `vector` is (..., size) and `dropped` (..., number of fields), True where to drop.
        """
        columns = np.repeat(dropped, [field.size for field in self.fields], axis=-1)
        return np.where(columns, np.float32(0), vector)


def check_stated(
    conditions: Iterable[Condition], fields: Sequence[str]
) -> dict[str, list[float | bool | str]]:
    """`stated_values`; raises `InputError` for one of `fields` that no condition states."""
    known = stated_values(conditions)
    for name in fields:
        if name not in known:
            raise InputError(
                f"No training image states {name}",
                got=f"fields {', '.join(known) or 'none at all'}",
                way_out=f"Add {name} to the cohort table, or leave it out of the fields",
            )
    return known


def stated_values(conditions: Iterable[Condition]) -> dict[str, list[float | bool | str]]:
    """Every field that some condition states, known fields first, with all its values."""
    values: dict[str, list[float | bool | str]] = {name: [] for name in CONDITION_FIELDS}
    for condition in conditions:
        for name, value in condition.items():
            values.setdefault(name, []).append(value)
    return {name: found for name, found in values.items() if found}
