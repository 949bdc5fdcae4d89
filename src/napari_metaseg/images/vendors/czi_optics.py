"""Objective and total magnification in the XML of a CZI file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from napari_metaseg.acquisition.record import Conflict, Field
from napari_metaseg.acquisition.vocabulary import immersion_of
from napari_metaseg.images.ome.instrument import (
    name_conflicts,
    named_magnification,
    named_na,
)
from napari_metaseg.images.ome.node import Node, to_number

_FACTORS = ("OptovarMagnification", "ReflectorMagnification", "CameraAdapterMagnification")
_NO_MEDIUM = {"", "other", "unknown"}
_TOTAL_TOLERANCE = 0.02


def read_objective(instrument: Node, image: Node, reported: list[Conflict]) -> dict[str, Field]:
    """Magnification, NA, immersion and refractive index of the objective that the image names."""
    settings = image.first("ObjectiveSettings")
    objective, reason = _choose(instrument, settings.first("ObjectiveRef").get("Id"), reported)
    place = f"Instrument/Objective[{objective.get('Id')}]"
    name = objective.get("Name") or objective.at("Manufacturer/Model").text
    found = {
        "objective_nominal_magnification": _positive(objective, "NominalMagnification", place)
        or named_magnification(name, f"{place}/@Name"),
        "lens_na": _positive(objective, "LensNA", place) or named_na(name, f"{place}/@Name"),
        "immersion": _immersion(objective, settings, place, reported),
    }
    reported += name_conflicts(name, {n: f for n, f in found.items() if f is not None})
    if reason:
        found = {n: _inferred(field, reason) for n, field in found.items() if field}
    found["refractive_index"] = _positive(
        settings, "RefractiveIndex", "Image/ObjectiveSettings"
    ) or _positive(objective, "ImmersionRefractiveIndex", place)
    return {name: field for name, field in found.items() if field is not None}


def _choose(instrument: Node, wanted: str, reported: list[Conflict]) -> tuple[Node, str]:
    """The objective, and why it was taken where the image does not say so."""
    objectives = list(instrument.at("Objectives").all("Objective"))
    named = [o for o in objectives if wanted and o.get("Id") == wanted]
    if named:
        return named[0], ""
    if len(objectives) == 1 and not wanted:
        return objectives[0], "the only objective listed"
    if objectives or wanted:
        message = f"the image's objective {wanted!r} is not one of the {len(objectives)} listed"
        reported.append(Conflict(("objective_nominal_magnification",), message))
    return Node(None), ""


def _inferred(field: Field | None, reason: str) -> Field | None:
    if field is None:
        return None
    return Field(field.value, "inferred", f"{field.path}, {reason}", field.original)


def _positive(node: Node, tag: str, place: str) -> Field | None:
    text = node.first(tag).text
    value = to_number(text)
    return Field(value, "file", f"{place}/{tag}", original=text) if value and value > 0 else None


def _immersion(
    objective: Node, settings: Node, place: str, reported: list[Conflict]
) -> Field | None:
    """What the lens was used with (Medium), else what it is made for."""
    used, made_for = settings.first("Medium").text, objective.first("Immersion").text
    known = [word for word in (used, made_for) if word.lower() not in _NO_MEDIUM]
    if len(known) == 2 and immersion_of(used) != immersion_of(made_for):
        message = f"ObjectiveSettings says Medium {used}, the objective is for {made_for}"
        reported.append(Conflict(("immersion",), message))
    if not known:
        return None
    path = "Image/ObjectiveSettings/Medium" if known[0] == used else f"{place}/Immersion"
    return Field(immersion_of(known[0]), "file", path, original=known[0])


def read_total_magnification(
    root: Node, fields: Mapping[str, Field], reported: list[Conflict]
) -> dict[str, Field]:
    """The objective times tube lens, reflector and camera adapter, where they are not 1.

    `EyepieceSettings/TotalMagnification` is what the eye sees and not the camera: it is reported.
    """
    nominal = fields.get("objective_nominal_magnification", Field()).value
    eye = to_number(
        root.at("Information/Image/MicroscopeSettings/EyepieceSettings")
        .first("TotalMagnification")
        .text
    )
    scaling = root.at("Scaling/AutoScaling")
    factors = {n: to_number(scaling.first(n).text) for n in _FACTORS}
    behind = {n: f for n, f in factors.items() if f and f > 0 and f != 1}
    if not isinstance(nominal, float):
        return {}
    total = float(f"{nominal * math.prod(behind.values()):.6g}")
    if eye and not math.isclose(eye, total, rel_tol=_TOTAL_TOLERANCE):
        message = f"EyepieceSettings says {eye:g}x in total, which is the eye's view; not taken"
        reported.append(Conflict(("total_magnification",), message))
    reported += _camera_conflicts(root, total)
    if not behind:
        return {}
    original = " x ".join(f"{v:g}" for v in (nominal, *behind.values()))
    path = f"Objective/NominalMagnification x Scaling/AutoScaling/{', '.join(behind)}"
    return {"total_magnification": Field(total, "inferred", path, original=original)}


def _camera_conflicts(root: Node, total: float) -> Iterator[Conflict]:
    """The camera in use may state a total of its own; one that differs is shown."""
    camera = root.at("Scaling/AutoScaling").first("CameraPixelDistance").text.partition(",")[0]
    for settings in root.first("HardwareSetting").all("ParameterCollection"):
        pixel = settings.first("CameraPixelDistances").text.partition(",")[0]
        stated = to_number(settings.first("TotalMagnification").text)
        if pixel != camera or not stated or not settings.get("Id").startswith("MTBCamera_"):
            continue
        if not math.isclose(stated, total, rel_tol=_TOTAL_TOLERANCE):
            message = (
                f"{settings.get('Id')} states {stated:g}x in total, the lenses give {total:g}x"
            )
            yield Conflict(("total_magnification",), message)
