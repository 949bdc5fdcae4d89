"""Words for people, where the core speaks in field names."""

from __future__ import annotations

from napari_metaseg.acquisition.fields import CONDITION_FIELDS, FIELD_SPECS
from napari_metaseg.acquisition.record import Value


def field_word(name: str) -> str:
    """A field's name in a sentence: `exposure_ms` is `exposure`."""
    return CONDITION_FIELDS[name].label.lower() if name in CONDITION_FIELDS else name


def plain(sentence: str) -> str:
    """A sentence with the names of fields put in words."""
    for name in sorted(FIELD_SPECS, key=len, reverse=True):
        word = FIELD_SPECS[name].label.lower()
        sentence = sentence.replace(name, word) if "_" in name else sentence
    return sentence


def shown(value: Value | None) -> str:
    """A value as people write it: numbers without trailing zeros, yes and no, empty if unknown."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float | int) else value


def counted(count: int, noun: str) -> str:
    """A number with its noun: `1 image`, `2 images`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
