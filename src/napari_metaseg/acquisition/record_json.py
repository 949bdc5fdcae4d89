"""The acquisition record as plain JSON, for a layer's metadata, and back."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from napari_metaseg.acquisition.record import AcquisitionRecord


@cache
def _adapter() -> TypeAdapter[AcquisitionRecord]:
    return TypeAdapter(AcquisitionRecord)


def record_to_json(record: AcquisitionRecord) -> dict[str, Any]:
    """The whole record as JSON values alone."""
    # Read-only mappings are no type that pydantic knows: they are written as dicts.
    plain: dict[str, Any] = _adapter().dump_python(
        record, mode="json", fallback=dict, warnings=False
    )
    return plain


def record_from_json(plain: Any) -> AcquisitionRecord:
    """The record that `record_to_json` wrote; an empty one for anything else.

    A layer's metadata may be written by anyone, so what does not fit is taken as unknown.
    """
    try:
        return _adapter().validate_python(plain)
    except ValidationError:
        return AcquisitionRecord()
