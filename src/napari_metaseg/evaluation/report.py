"""A report folder: the numbers for programs, tables for spreadsheets, figures, and one page."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from napari_metaseg.evaluation.curve import curve_png
from napari_metaseg.evaluation.domains import Report
from napari_metaseg.evaluation.figures import DARK, LIGHT, domains_png
from napari_metaseg.evaluation.overlays import Overlay, overlay_png
from napari_metaseg.evaluation.page import Pictures, render_page
from napari_metaseg.evaluation.scores import SCORE_NAMES
from napari_metaseg.events import CurvePoint
from napari_metaseg.files import atomic_path


def write_report(
    report: Report,
    folder: Path,
    *,
    title: str,
    overlays: Sequence[Overlay] = (),
    curve: Sequence[CurvePoint] = (),
    notices: Sequence[str] = (),
    command: str = "",
) -> Path:
    """Write a report into `folder`, which may hold other files, and return its report.html.

    Writes report.json, report.csv (domains), images.csv, figures/*.png and report.html, which holds
    its pictures itself. `notices` are added to the report's own; `command` is what a person would
    type to get the same. Everything is drawn before the first file is written, and each file is
    replaced whole. Raises `InputError` where the folder cannot be written.
    """
    report = replace(report, notices=tuple(dict.fromkeys((*report.notices, *notices))))
    pictures = _draw(report, overlays, curve)
    page = render_page(report, pictures, title=title, command=command)
    files = {f"figures/{name}": png for name, png in _figure_files(pictures).items()}
    files["report.csv"] = report_csv(report)
    files["images.csv"] = _csv(_image_rows(report))
    files["report.json"] = json.dumps(report.to_json(), indent=1, allow_nan=False).encode()
    files["report.html"] = page.encode()
    for name, content in files.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(content)
    _remove_old_overlays(folder / "figures", files)
    return folder / "report.html"


def report_csv(report: Report) -> bytes:
    """The table of domains as report.csv has it: worst first, with intervals, in UTF-8."""
    return _csv(_domain_rows(report))


def _draw(report: Report, overlays: Sequence[Overlay], curve: Sequence[CurvePoint]) -> Pictures:
    themes = {"light": LIGHT, "dark": DARK}
    return Pictures(
        bars={name: domains_png(report, theme) for name, theme in themes.items()},
        curve={name: curve_png(curve, theme) for name, theme in themes.items()} if curve else {},
        overlays=[(overlay, overlay_png(overlay)) for overlay in overlays],
    )


def _figure_files(pictures: Pictures) -> dict[str, bytes]:
    files = {"domains.png": pictures.bars["light"]}
    if pictures.curve:
        files["training_curve.png"] = pictures.curve["light"]
    for number, (overlay, png) in enumerate(pictures.overlays, start=1):
        stem = re.sub(r"[^A-Za-z0-9]+", "-", overlay.image).strip("-")[:60]
        files[f"overlay_{number:02d}_{stem}.png"] = png
    return files


def _remove_old_overlays(folder: Path, written: Mapping[str, bytes]) -> None:
    """An earlier report may have shown more images; its pictures would now mislead."""
    for path in folder.glob("overlay_[0-9][0-9]_*.png"):
        if f"figures/{path.name}" not in written:
            path.unlink()


def _domain_rows(report: Report) -> Iterable[dict[str, object]]:
    for domain in report.domains:
        low_high = {
            f"{name}_{end}": interval[index] if interval else None
            for name, interval in (("iou", domain.iou_ci95), ("dice", domain.dice_ci95))
            for index, end in enumerate(("ci95_low", "ci95_high"))
        }
        scores = {name: getattr(domain, name) for name in SCORE_NAMES}
        yield {**domain.domain, "n": domain.n, "groups": domain.groups, **scores, **low_high}


def _image_rows(report: Report) -> Iterable[dict[str, object]]:
    for image in report.images:
        scores = {name: getattr(image, name) for name in SCORE_NAMES}
        yield {"image": image.image, "group": image.group, **image.domain, **scores}


def _csv(rows: Iterable[Mapping[str, object]]) -> bytes:
    """Comma-separated UTF-8 with a header; None is an empty cell."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
