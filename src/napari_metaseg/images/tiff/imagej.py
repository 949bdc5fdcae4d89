"""What ImageJ's free-text Info property says of the acquisition, where it says it once."""

from __future__ import annotations

import math
import re

from napari_metaseg.acquisition.record import Field
from napari_metaseg.acquisition.vocabulary import immersion_of

_KEYS = {
    "nominalmagnification": "objective_nominal_magnification",
    "lensna": "lens_na",
    "immersion": "immersion",
}
_LINE = re.compile(r"^\s*(?P<key>[^=\n]{1,200}?)\s*=\s*(?P<value>[^\n]{1,200}?)\s*$", re.MULTILINE)
_COUNTER = re.compile(r"\s*#\d+$")


def info_fields(info: str) -> dict[str, Field]:
    """Objective fields from the lines "key = value" that Bio-Formats leaves in Info.

    Only keys that end in an OME name count, and only where all of them agree.
    """
    found: dict[str, dict[str, str]] = {}
    for match in _LINE.finditer(info):
        key = _COUNTER.sub("", match["key"])
        name = _KEYS.get(re.split(r"[|\s]", key)[-1].lower())
        if name is not None:
            found.setdefault(name, {})[match["value"]] = key
    fields = {}
    for name, values in found.items():
        (text, key), *others = values.items()
        value = immersion_of(text) if name == "immersion" else _positive(text)
        if not others and value is not None:
            fields[name] = Field(value, "file", f"ImageJ Info: {key}", original=text)
    return fields


def _positive(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None
