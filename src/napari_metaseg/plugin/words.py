"""Words for people, where the core speaks in field names."""

from __future__ import annotations

from napari_metaseg.acquisition.fields import CONDITION_FIELDS


def field_word(name: str) -> str:
    """A field's name in a sentence: `exposure_ms` is `exposure`."""
    return CONDITION_FIELDS[name].label.lower() if name in CONDITION_FIELDS else name


def plain(sentence: str) -> str:
    """A sentence with the names of fields put in words."""
    for name in sorted(CONDITION_FIELDS, key=len, reverse=True):
        sentence = sentence.replace(name, field_word(name)) if "_" in name else sentence
    return sentence
