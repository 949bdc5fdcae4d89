"""Fields that can be stated about an image: their types, units, usual words, and how text is read.

Three families: the condition fields that networks see, the OME fields behind them, and free fields
that a project declares (`project.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from napari_metaseg.acquisition.record import Value
from napari_metaseg.acquisition.vocabulary import (
    ACQUISITION_MODES,
    CONTRAST_METHODS,
    ILLUMINATION_TYPES,
    IMMERSIONS,
    MODALITIES,
    PLANES,
    immersion_of,
    modality_of,
)
from napari_metaseg.errors import InputError

Kind = Literal["float", "bool", "text"]


@dataclass(frozen=True)
class FieldSpec:
    """What a field is: its type, unit, label for people, and usual values.

    `strict` says that no other than the usual values is allowed.
    """

    name: str
    kind: Kind
    label: str
    unit: str = ""
    choices: tuple[str, ...] = ()
    strict: bool = False


def _by_name(*specs: FieldSpec) -> dict[str, FieldSpec]:
    return {spec.name: spec for spec in specs}


CONDITION_FIELDS = _by_name(
    FieldSpec("magnification", "float", "Magnification", "x"),
    FieldSpec("pixel_size_um", "float", "Pixel size", "µm"),
    FieldSpec("modality", "text", "Modality", choices=MODALITIES),
    FieldSpec("exposure_ms", "float", "Exposure", "ms"),
    FieldSpec("plane", "text", "Plane", choices=PLANES),
    FieldSpec("plane_offset_um", "float", "Offset from focus", "µm"),
    FieldSpec("in_focus", "bool", "In focus"),
    FieldSpec("immersion", "text", "Immersion medium", choices=IMMERSIONS),
)
"""What networks see; derived by `condition.derive_condition` where nobody states it."""

IMAGE_SPECS = _by_name(
    FieldSpec("objective_nominal_magnification", "float", "Objective", "x"),
    FieldSpec("total_magnification", "float", "Total magnification", "x"),
    FieldSpec("lens_na", "float", "Numerical aperture"),
    FieldSpec("immersion", "text", "Immersion medium", choices=IMMERSIONS),
    FieldSpec("refractive_index", "float", "Refractive index"),
    FieldSpec("pixel_size_x_um", "float", "Pixel size x", "µm"),
    FieldSpec("pixel_size_y_um", "float", "Pixel size y", "µm"),
    FieldSpec("pixel_size_z_um", "float", "Step between planes", "µm"),
    FieldSpec("detector", "text", "Detector"),
    FieldSpec("microscope", "text", "Microscope"),
    FieldSpec("acquired_at", "text", "Acquired"),
)
"""OME's terms of a whole image, in the order of `record.IMAGE_FIELDS`."""

CHANNEL_SPECS = _by_name(
    FieldSpec("acquisition_mode", "text", "Acquisition mode", choices=ACQUISITION_MODES),
    FieldSpec("contrast_method", "text", "Contrast method", choices=CONTRAST_METHODS),
    FieldSpec("illumination_type", "text", "Illumination", choices=ILLUMINATION_TYPES),
    FieldSpec("exposure_time_ms", "float", "Exposure", "ms"),
    FieldSpec("excitation_nm", "float", "Excitation", "nm"),
    FieldSpec("emission_nm", "float", "Emission", "nm"),
    FieldSpec("binning", "float", "Binning"),
    FieldSpec("z_offset_um", "float", "Offset of the channel", "µm"),
)
"""OME's terms of one channel, in the order of `record.CHANNEL_FIELDS`."""

FIELD_SPECS: Mapping[str, FieldSpec] = IMAGE_SPECS | CHANNEL_SPECS | CONDITION_FIELDS
"""Every field that is known without a project."""

_ANY_SIGN = {"plane_offset_um", "z_offset_um"}
_WORDS: Mapping[str, Callable[[str], str]] = {"modality": modality_of, "immersion": immersion_of}


Specs = Mapping[str, FieldSpec]
_NO_SPECS: Specs = {}


def parse_value(name: str, text: str, declared: Specs = _NO_SPECS) -> Value | None:
    """The value that `text` states for a field; empty text is unknown.

    Known fields, and free ones that a project has `declared`, are parsed by their type and their
    words; any other free field becomes a number or a truth value where the text is one, else text.
    Raises `InputError` for text that does not fit the field.
    """
    text = text.strip()
    if not text:
        return None
    spec = FIELD_SPECS.get(name) or declared.get(name)
    kind = spec.kind if spec else _guess_kind(text)
    if kind == "float":
        return _positive(name, _parse_float(name, text))
    if kind == "bool":
        return _parse_bool(name, text)
    return _allowed(spec, _WORDS.get(name, str)(text))


def check_value(name: str, value: Value, declared: Specs = _NO_SPECS) -> Value:
    """`value` as the field's own type; raises `InputError` where it does not fit."""
    return _require(parse_value(name, str(value), declared), name)


def which_is_meant(name: str, known: Iterable[str]) -> str:
    """A way out for a name that is none of the known ones: the nearest, else all of them."""
    choices = list(dict.fromkeys(known))
    nearest = get_close_matches(name, choices, n=1)
    return f"Perhaps {nearest[0]} is meant" if nearest else f"Choose one of {', '.join(choices)}"


def _allowed(spec: FieldSpec | None, word: str) -> str:
    """The word as the field spells it; raises where the field allows only others."""
    if spec is None:
        return word
    same = next((choice for choice in spec.choices if choice.lower() == word.lower()), None)
    if same is None and spec.strict:
        raise InputError(
            f"{spec.name} does not allow this value",
            got=repr(word),
            way_out=f"Use one of: {', '.join(spec.choices)}",
        )
    return same or word


def _require(value: Value | None, name: str) -> Value:
    if value is None:
        raise InputError(f"{name} is empty", way_out="Give a value, or leave the field out")
    return value


def _guess_kind(text: str) -> Kind:
    if text.lower() in {"true", "false"}:
        return "bool"
    try:
        float(text)
    except ValueError:
        return "text"
    return "float"


def _parse_float(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        way_out = "Write decimals with a point" if "," in text else "Leave it empty if unknown"
        raise InputError(f"{name} must be a number", got=repr(text), way_out=way_out) from None
    if value != value or value in (float("inf"), float("-inf")):
        raise InputError(f"{name} must be a finite number", got=repr(text))
    return value


def _positive(name: str, value: float) -> float:
    if name in FIELD_SPECS and name not in _ANY_SIGN and value <= 0:
        raise InputError(f"{name} must be above 0", got=f"{value:g}")
    return value


def _parse_bool(name: str, text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "1.0": True}
    words |= {"false": False, "no": False, "0": False, "0.0": False}
    if text.lower() not in words:
        raise InputError(f"{name} must be true or false", got=repr(text))
    return words[text.lower()]
