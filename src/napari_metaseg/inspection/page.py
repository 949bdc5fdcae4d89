"""An inspection as one HTML page that needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import date
from typing import Any

from napari_metaseg import __version__
from napari_metaseg.inspection.result import FieldReport, Inspection
from napari_metaseg.inspection.sweep import label_of_value
from napari_metaseg.inspection.verdict import most_moved, percent, verdicts

FIGURES: Mapping[str, tuple[str, str]] = {
    "layers.png": (
        "Which layers move",
        "The most that any known value tried moves each layer. A column of zeros: to the network "
        "these values are all the same.",
    ),
    "response.png": (
        "How the result answers to a number",
        "The sample's result as one number changes. A flat line: the number does not matter here.",
    ),
    "pictures.png": (
        "What it looks like",
        "The sample predicted under other values: orange so, blue as recorded.",
    ),
    "channels.png": (
        "How each channel is scaled",
        "The blocks that scale channels, for the values of the field that acts most; channels are "
        "sorted by their mean scale. Rows alike: the values share one setting.",
    ),
}


def render_page(inspection: Inspection, figures: Mapping[str, bytes], *, command: str) -> str:
    """The whole page, with all pictures inside it; text from outside is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("napari_metaseg.inspection", "."),
        autoescape=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("page.html.j2").render(
        title=f"Inside {inspection.package}: what metadata do",
        what=f"Strategy {inspection.strategy}, method {inspection.method}",
        sample=", ".join(f"{k} {label_of_value(v)}" for k, v in inspection.condition.items()),
        verdicts=verdicts(inspection),
        notices=inspection.notices,
        fields=[_row(report) for report in inspection.fields],
        figures=[_figure(name, picture) for name, picture in figures.items()],
        members=_members(inspection),
        command=command,
        version=__version__,
        date=date.today().isoformat(),
    )


def _row(report: FieldReport) -> dict[str, str]:
    unknown = report.unknown
    return {
        "name": report.name,
        "tried": report.trained,
        "mask": percent(report.mask_changed),
        "unknown": percent(unknown.mask_changed) if unknown else "–",
        "layers": most_moved(report),
    }


def _figure(name: str, picture: bytes) -> dict[str, str]:
    title, text = FIGURES[name]
    inlined = "data:image/png;base64," + base64.b64encode(picture).decode("ascii")
    return {"title": title, "text": text, "picture": inlined}


def _members(inspection: Inspection) -> dict[str, Any] | None:
    """Which network counts how much for every value; None where there is one network."""
    names = inspection.members
    if len(names) < 2:
        return None
    rows = [
        {
            "field": report.name,
            "value": move.label,
            "shares": [f"{100 * move.members.get(name, 0):.0f} %" for name in names],
        }
        for report in inspection.fields
        for move in report.moves
    ]
    return {"names": names, "rows": rows}
