"""The objective's medium, which Harmony states only in the TIFF files beside its index."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from napari_metaseg.acquisition.record import Field
from napari_metaseg.acquisition.vocabulary import IMMERSIONS, immersion_of
from napari_metaseg.errors import InputError
from napari_metaseg.images.ome.node import Node, to_number
from napari_metaseg.images.page_file import reading_tiff
from napari_metaseg.images.safe_xml import parse_xml_text

_TAG = 65500
_MOST_CHARACTERS = 4_000_000
_WORD = re.compile(r"\b(" + "|".join((*IMMERSIONS, "Dry")) + r")\b", re.IGNORECASE)


def objective_fields(
    paths: Iterable[Path], magnification: float | None, na: float | None
) -> dict[str, Field]:
    """`immersion` and `refractive_index` out of the first TIFF of `paths` that tells.

    Its private tag 65500 lists the microscope's objectives and names the one of the exposure;
    where it names none, the only one of that magnification and NA is taken.
    """
    for path in paths:
        root = _description(path)
        objective = _chosen(root, magnification, na)
        if objective:
            return dict(_facts(objective))
    return {}


def _description(path: Path) -> Node:
    """The tag's XML, or nothing where the file has none that can be read."""
    import tifffile

    try:
        with reading_tiff(path), tifffile.TiffFile(path) as tiff:
            tag = tiff.pages.first.tags.get(_TAG)
            value = tag.value if tag is not None and tag.count < _MOST_CHARACTERS else ""
            text = value.decode("utf-8-sig") if isinstance(value, bytes) else str(value)
        return Node(parse_xml_text(text.strip("\0 \r\n")))
    except (InputError, ValueError):
        return Node(None)


def _chosen(root: Node, magnification: float | None, na: float | None) -> Node:
    known = {_child(o, "ID"): o for o in _objectives(root)}
    used = {e.first("Objective").text for e in root.every("Exposure")} - {""}
    if len(used) == 1:
        return known.get(used.pop(), Node(None))
    alike = [
        objective
        for objective in known.values()
        if to_number(_child(objective, "Magnification")) == magnification
        and to_number(_child(objective, "NumAperture")) == na
    ]
    return alike[0] if len(alike) == 1 else Node(None)


def _objectives(root: Node) -> Iterable[Node]:
    for group in ("KnownObjectives", "Objectives"):
        for node in root.every(group):
            yield from node.all("Objective")


def _facts(objective: Node) -> Mapping[str, Field]:
    where = f"TIFF tag {_TAG}: KnownObjectives/Objective[{_child(objective, 'ID')}]"
    found = {}
    index, name = _child(objective, "ImmersionRIndex"), _child(objective, "Name")
    number, word = to_number(index), _WORD.search(name)
    if number is not None and number >= 1:
        found["refractive_index"] = Field(number, "file", f"{where}/ImmersionRIndex", index)
    if word is not None:
        found["immersion"] = Field(immersion_of(word[0]), "inferred", f"{where}/Name", name)
    return found


def _child(node: Node, name: str) -> str:
    return node.first(name).text
