"""An inspection as a folder: numbers for programs, a table, figures, and one page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

from napari_metaseg.files import atomic_path
from napari_metaseg.inspection.channels import ChannelMaps, channels_png
from napari_metaseg.inspection.figures import curves_png, heatmap_png, strip_png
from napari_metaseg.inspection.page import render_page
from napari_metaseg.inspection.result import Inspection


def write_inspection(
    inspection: Inspection, folder: Path, *, maps: ChannelMaps | None = None, command: str = ""
) -> Path:
    """Write inspect.json, inspect.csv, inspect.html and figures/*.png; return inspect.html.

    Everything is drawn before the first file is written, and each file is replaced whole. Raises
    `InputError` where the folder cannot be written.
    """
    figures = draw(inspection, maps)
    files = {f"figures/{name}": picture for name, picture in figures.items()}
    files["inspect.csv"] = inspection_csv(inspection)
    files["inspect.json"] = json.dumps(inspection.to_json(), indent=1, allow_nan=False).encode()
    files["inspect.html"] = render_page(inspection, figures, command=command).encode()
    for name, content in files.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(content)
    return folder / "inspect.html"


def draw(inspection: Inspection, maps: ChannelMaps | None) -> dict[str, bytes]:
    """The figures that make sense for this package, by file name."""
    found: dict[str, bytes] = {}
    if any(report.seen_by_network for report in inspection.fields):
        found["layers.png"] = heatmap_png(inspection)
    if any(report.curve for report in inspection.fields):
        found["response.png"] = curves_png(inspection)
    if inspection.fields:
        found["pictures.png"] = strip_png(inspection)
    if maps is not None:
        found["channels.png"] = channels_png(maps)
    return found


def inspection_csv(inspection: Inspection) -> bytes:
    """One row per field, value and layer; the layer is empty in the row of the result itself."""
    names = ("field", "value", "layer", "weights", "biases", "outputs", "mask_changed", "area")
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(_rows(inspection))
    return text.getvalue().encode()


def _rows(inspection: Inspection) -> Iterator[dict[str, object]]:
    for report in inspection.fields:
        for move in report.moves:
            value = "unknown" if move.value is None else move.value
            common = {"field": report.name, "value": value}
            yield {**common, "layer": "", "mask_changed": move.mask_changed, "area": move.area}
            for layer in dict.fromkeys((*move.weights, *move.outputs)):
                parts = {
                    "weights": move.weights.get(layer),
                    "biases": move.biases.get(layer),
                    "outputs": move.outputs.get(layer),
                }
                yield {**common, "layer": layer, **parts}
