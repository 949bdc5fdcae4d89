"""Objective, microscope and detector from OME-XML."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping

from napari_metaseg.acquisition.record import Conflict, Field
from napari_metaseg.acquisition.vocabulary import immersion_of
from napari_metaseg.images.ome.node import Node, to_number

_MAGNIFICATION = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d+)?)\s*[x×](?![a-z])", re.IGNORECASE)
_MAGNIFICATION_AFTER = re.compile(r"(?<![a-z])[x×]\s*(\d{1,3}(?:\.\d+)?)", re.IGNORECASE)
_NA = re.compile(r"(?:/\s*|\bNA\s*[=:]?\s*)([01]\.\d+)", re.IGNORECASE)


def read_objective(
    instrument: Node, image: Node, where: str, reported: list[Conflict]
) -> dict[str, Field]:
    """Magnification, NA, immersion and refractive index of the image's objective.

    Without `ObjectiveSettings` the only objective listed is taken, as inferred. A magnification or
    NA that stands only in an ID or a model name is taken from there, as inferred.
    """
    settings = image.first("ObjectiveSettings")
    objective, chosen = _choose(instrument, settings, reported)
    place = f"Objective[{objective.get('ID')}]"
    found = {
        "objective_nominal_magnification": _stated_or_named(
            objective, "NominalMagnification", place, (_MAGNIFICATION, _MAGNIFICATION_AFTER)
        ),
        "lens_na": _stated_or_named(objective, "LensNA", place, (_NA,)),
        "immersion": _immersion(objective, settings, place, where, reported),
    }
    reported += name_conflicts(objective.get("Model"), found)
    if not chosen:
        found = {n: _as_inferred(f, "the only objective listed") for n, f in found.items()}
    index = settings.positive("RefractiveIndex")
    if index is not None:
        path = f"{where}/ObjectiveSettings/@RefractiveIndex"
        found["refractive_index"] = Field(index, "file", path, settings.get("RefractiveIndex"))
    return {name: field for name, field in found.items() if field.known}


def _choose(instrument: Node, settings: Node, reported: list[Conflict]) -> tuple[Node, bool]:
    """The image's objective, and whether the file itself says that it is."""
    objectives = list(instrument.all("Objective"))
    wanted = settings.get("ID")
    for objective in objectives:
        if wanted and objective.get("ID") == wanted:
            return objective, True
    if wanted or len(objectives) != 1:
        if wanted or objectives:
            reason = f"the objective {wanted!r} is not listed" if wanted else "no ObjectiveSettings"
            message = f"{reason}, and {len(objectives)} objectives are listed; none is taken"
            reported.append(Conflict(("objective_nominal_magnification",), message))
        return Node(None), True
    return objectives[0], False


def named_magnification(text: str, path: str) -> Field | None:
    """The magnification in a name such as "Plan-Apochromat 20x/0.8", as inferred, or None."""
    return _named(text, path, (_MAGNIFICATION, _MAGNIFICATION_AFTER))


def named_na(text: str, path: str) -> Field | None:
    """The numerical aperture in a name such as "Plan-Apochromat 20x/0.8", as inferred, or None."""
    return _named(text, path, (_NA,))


def name_conflicts(name: str, found: Mapping[str, Field]) -> Iterator[Conflict]:
    """What an objective's name says otherwise than its stated magnification and NA."""
    told = {
        "objective_nominal_magnification": named_magnification(name, ""),
        "lens_na": named_na(name, ""),
    }
    for field, other in told.items():
        stated = found.get(field, Field()).value
        if other is None or not isinstance(stated, float) or not isinstance(other.value, float):
            continue
        if not math.isclose(stated, other.value, rel_tol=0.01):
            message = f"the objective is called {name!r}, but {stated:g} is stated"
            yield Conflict((field,), message)


def _named(text: str, path: str, patterns: Iterable[re.Pattern[str]]) -> Field | None:
    for pattern in patterns:
        match = pattern.search(text)
        number = to_number(match[1]) if match else None
        if number:
            return Field(number, "inferred", path, original=text)
    return None


def _stated_or_named(
    objective: Node, attribute: str, place: str, patterns: Iterable[re.Pattern[str]]
) -> Field:
    value = objective.positive(attribute)
    if value is not None:
        return Field(value, "file", f"{place}/@{attribute}", objective.get(attribute))
    for name in ("ID", "Model"):
        named = _named(objective.get(name), f"{place}/@{name}", patterns)
        if named is not None:
            return named
    return Field()


def _immersion(
    objective: Node, settings: Node, place: str, where: str, reported: list[Conflict]
) -> Field:
    """What the lens was used with (Medium), else what it is made for (Immersion)."""
    used, made_for = settings.word("Medium"), objective.word("Immersion")
    if used and made_for and immersion_of(made_for) not in ("Multi", immersion_of(used)):
        message = f"ObjectiveSettings says Medium {used}, the objective is for {made_for}"
        reported.append(Conflict(("immersion",), message))
    if used:
        path = f"{where}/ObjectiveSettings/@Medium"
        return Field(immersion_of(used), "file", path, original=used)
    if made_for:
        return Field(immersion_of(made_for), "file", f"{place}/@Immersion", original=made_for)
    return Field()


def _as_inferred(field: Field, reason: str) -> Field:
    if not field.known:
        return field
    return Field(field.value, "inferred", f"{field.path}, {reason}", field.original)


def read_instrument(instrument: Node, image: Node, where: str) -> dict[str, Field]:
    """The microscope, the detector and when the image was taken."""
    detector_id = next((s.get("ID") for s in image.every("DetectorSettings")), "")
    detectors = list(instrument.all("Detector"))
    named = [d for d in detectors if d.get("ID") == detector_id]
    detector = (named or detectors)[0] if named or len(detectors) == 1 else Node(None)
    date = image.first("AcquisitionDate").text
    found = {
        "microscope": _make_and_model(instrument.first("Microscope"), "Microscope"),
        "detector": _make_and_model(detector, f"Detector[{detector.get('ID')}]"),
        "acquired_at": Field(date, "file", f"{where}/AcquisitionDate", date) if date else Field(),
    }
    return {name: field for name, field in found.items() if field.known}


def _make_and_model(node: Node, path: str) -> Field:
    words = [w for n in ("Manufacturer", "Model") if (w := node.word(n))]
    text = " ".join(words)
    return Field(text, "file", path, original=text) if text else Field()
