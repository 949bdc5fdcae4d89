"""The report as one HTML page that needs no other file: read on screen, in the dark, on paper."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from napari_metaseg import __version__
from napari_metaseg.evaluation.domains import Report, label_of
from napari_metaseg.evaluation.overlays import STYLES, Overlay


@dataclass(frozen=True)
class Pictures:
    """The PNGs of a page; `bars` and `curve` by theme ("light", "dark"), no curve if empty.

    `overlays` pairs what is shown with its picture.
    """

    bars: Mapping[str, bytes]
    curve: Mapping[str, bytes]
    overlays: Sequence[tuple[Overlay, bytes]]


def render_page(report: Report, pictures: Pictures, *, title: str, command: str) -> str:
    """The whole page, with all pictures inside it; text from outside is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("napari_metaseg.evaluation", "."),
        autoescape=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("report.html.j2").render(
        title=title,
        summary=summary(report),
        report=report,
        bars=_inlined(pictures.bars),
        curve=_inlined(pictures.curve),
        gallery=_gallery(report, pictures.overlays),
        styles=list(STYLES.values()),
        partly=any(not overlay.truth.valid.all() for overlay, _ in pictures.overlays),
        images=_images(report),
        command=command,
        version=__version__,
        date=date.today().isoformat(),
    )


def summary(report: Report) -> str:
    """What the report says, in one sentence."""
    scored = [domain for domain in report.domains if domain.dice is not None]
    number = len(report.images)
    images = f"{number} image" if number == 1 else f"{number} images"
    if not scored:
        return f"{images} had no annotated pixel, so nothing could be scored."
    worst, best = scored[0], scored[-1]
    if len(scored) == 1:
        where = f" ({worst.label})" if worst.domain else ""
        return f"Over {images}{where}, the mean Dice is {worst.dice:.2f}."
    return (
        f"Over {images} in {len(scored)} domains, the mean Dice is {report.macro['dice']:.2f}: "
        f"worst in {worst.label} ({worst.dice:.2f}), best in {best.label} ({best.dice:.2f})."
    )


def _gallery(report: Report, overlays: Sequence[tuple[Overlay, bytes]]) -> list[dict[str, str]]:
    """What stands with each picture; the worst domain first, images of no domain last."""
    places = [_place(report, overlay) for overlay, _ in overlays]
    order = sorted(range(len(overlays)), key=places.__getitem__)
    return [
        {
            "domain": label_of(overlay.domain),
            "image": overlay.image,
            "scores": _scores(report, overlay),
            "picture": _data_uri(png),
        }
        for overlay, png in (overlays[index] for index in order)
    ]


def _place(report: Report, overlay: Overlay) -> int:
    for number, domain in enumerate(report.domains):
        if all(overlay.domain.get(name) == value for name, value in domain.domain.items()):
            return number
    return len(report.domains)


def _scores(report: Report, overlay: Overlay) -> str:
    for image in report.images:
        if image.image == overlay.image and image.domain == overlay.domain:
            scores = (("Dice", image.dice), ("IoU", image.iou), ("F1", image.f1_50))
            return ", ".join(f"{name} {value:.2f}" for name, value in scores if value is not None)
    return ""


def _images(report: Report) -> list[tuple[object, str]]:
    worst_first = sorted(report.images, key=lambda i: (i.dice is None, i.dice or 0.0, i.image))
    return [(image, label_of(image.domain)) for image in worst_first]


def _inlined(themes: Mapping[str, bytes]) -> dict[str, str]:
    return {theme: _data_uri(png) for theme, png in themes.items()}


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
