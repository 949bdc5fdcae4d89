"""One image beside its annotated and predicted outlines, with missed and invented objects marked.

Annotation and prediction differ by line (solid, dashed) and missed and invented objects by line
width and mark (cross, diamond), so that nothing rests on colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.datasets.labels import LabelTarget
from napari_metaseg.evaluation.objects import match_objects, overlap_objects
from napari_metaseg.evaluation.overlap import Mask
from napari_metaseg.evaluation.scores import Domain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Labels = NDArray[np.integer[Any]]

_PANEL_INCHES, _DPI = 3.4, 130
_PANEL_PX = _PANEL_INCHES * _DPI
_SMALLEST_PX, _LARGEST_PX = 160, 512
_OBJECTS_ACROSS = 16
_FULL_LINES_FROM_PX = 32


@dataclass(frozen=True)
class Overlay:
    """What a picture of one scored image needs.

    `image` and `domain` are those of its `ImageScore`; `pixels` (Y, X), (C, Y, X) or (Y, X, 3 or 4)
    raw intensities, of which the first channel (of colour: the mean) is shown; `truth` the
    annotation; `labels` (Y, X) the predicted objects, 0 background.
    """

    image: str
    domain: Domain
    pixels: NDArray[Any]
    truth: LabelTarget
    labels: Labels


@dataclass(frozen=True)
class LineStyle:
    """How one kind of outline is drawn, and what the legend says of it."""

    legend: str
    colour: str
    width: float
    dashes: tuple[float, ...] = ()
    mark: str = ""


STYLES = {
    "found": LineStyle("annotated (solid)", "#56B4E9", 1.3),
    "predicted": LineStyle("predicted (dashed)", "#F0E442", 1.3, (3.0, 2.0)),
    "missed": LineStyle("missed: annotated, not found (thick, cross)", "#56B4E9", 2.6, mark="x"),
    "invented": LineStyle(
        "invented: predicted, not annotated (thick, diamond)", "#F0E442", 2.6, (2.0, 1.2), "D"
    ),
}
"""Sky blue and yellow of Okabe and Ito's colour-blind safe palette, on grey."""


@dataclass(frozen=True)
class Kinds:
    """The label images of an overlay, split by what became of each object; see `STYLES`."""

    found: Labels
    predicted: Labels
    missed: Labels
    invented: Labels


def overlay_png(overlay: Overlay) -> bytes:
    """A PNG of two panels: the image, and the same with all outlines.

    Only `window_of` the image is shown. Thread-safe.
    """
    from matplotlib.figure import Figure

    kinds = split_objects(overlay.truth, overlay.labels)
    window = window_of(overlay)
    grey = contrast(overlay.pixels)[window]
    height = _PANEL_INCHES * grey.shape[0] / grey.shape[1]
    figure = Figure(figsize=(2 * _PANEL_INCHES + 0.06, height), dpi=_DPI, facecolor="none")
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.06 / _PANEL_INCHES})
    figure.subplots_adjust(0, 0, 1, 1)
    for axes in (left, right):
        axes.imshow(grey, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_axis_off()
    _shade(right, overlay.truth.valid[window])
    on_screen = _typical_diameter(overlay) * _PANEL_PX / grey.shape[1]
    scale = min(max(on_screen / _FULL_LINES_FROM_PX, 0.65), 1.0)
    for name, style in STYLES.items():
        _draw(right, getattr(kinds, name)[window], style, scale)
    return _compact_png(figure)


def window_of(overlay: Overlay) -> tuple[slice, slice]:
    """The rows and columns that are shown: some 16 objects across, where most are annotated.

    At least 160 and at most 512 px each way, or all of a smaller image.
    """
    side = int(_OBJECTS_ACROSS * _typical_diameter(overlay))
    side = min(max(side, _SMALLEST_PX), _LARGEST_PX)
    shape = overlay.labels.shape
    annotated = overlay.truth.classes > 0
    foreground = annotated if annotated.any() else overlay.labels > 0
    total = np.pad(foreground.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    height, width = min(side, shape[0]), min(side, shape[1])
    inside = (
        total[height:, width:] - total[:-height, width:]
        - total[height:, :-width] + total[:-height, :-width]
    )  # fmt: skip
    y, x = (int(start) for start in np.unravel_index(inside.argmax(), inside.shape))
    return slice(y, y + height), slice(x, x + width)


def split_objects(truth: LabelTarget, labels: Labels) -> Kinds:
    """Which objects were found (IoU at least 0.5), missed and invented.

    Without annotated objects, connected regions of foreground stand for them. An object mostly
    outside the annotated area is neither missed nor invented; it stays with the found ones.
    """
    from skimage.measure import label

    annotated = truth.instances
    if annotated is None:
        annotated, labels = label(truth.classes > 0), label(labels > 0)
    matching = match_objects(overlap_objects(annotated, labels, truth.valid))
    missed = np.isin(annotated, matching.missed)
    invented = np.isin(labels, matching.invented)
    return Kinds(
        found=np.where(missed, 0, annotated),
        predicted=np.where(invented, 0, labels),
        missed=np.where(missed, annotated, 0),
        invented=np.where(invented, labels, 0),
    )


def contrast(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """One (Y, X) plane between its 0.5 and 99.5 percentiles, as 0 to 1."""
    plane = np.asarray(pixels, dtype=np.float64)
    if plane.ndim == 3:
        plane = plane.mean(axis=-1) if plane.shape[-1] in (3, 4) else plane[0]
    finite = plane[np.isfinite(plane)]
    low, high = np.percentile(finite, (0.5, 99.5)) if finite.size else (0.0, 0.0)
    scaled = (np.nan_to_num(plane, nan=low) - low) / (high - low or 1.0)
    return np.asarray(scaled.clip(0, 1))


def outlines(labels: Labels) -> tuple[list[NDArray[np.float64]], list[tuple[float, float]]]:
    """The closed outlines, each (N, 2) as x, y in pixels, and the centres of all objects."""
    from skimage.measure import find_contours, regionprops

    lines, centres = [], []
    for region in regionprops(labels):
        top, left = region.bbox[:2]
        for line in find_contours(np.pad(region.image, 1).astype(float), 0.5):
            lines.append(line[:, ::-1] + (left - 1, top - 1))
        centres.append((region.centroid[1], region.centroid[0]))
    return lines, centres


def _typical_diameter(overlay: Overlay) -> float:
    """Of the annotated objects (else the predicted ones), the median; in pixels, 0 without any."""
    from skimage.measure import label

    annotated = overlay.truth.instances
    if annotated is None:
        annotated = label(overlay.truth.classes > 0)
    objects: Labels = annotated if annotated.any() else overlay.labels
    areas = np.unique(objects[objects > 0], return_counts=True)[1]
    return 2 * float(np.sqrt(np.median(areas) / np.pi)) if areas.size else 0.0


def _shade(axes: Axes, valid: Mask) -> None:
    if not valid.all():
        veil = np.zeros((*valid.shape, 4))
        veil[~valid] = (0, 0, 0, 0.45)
        axes.imshow(veil, interpolation="nearest")


def _draw(axes: Axes, labels: Labels, style: LineStyle, scale: float) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.patheffects import withStroke

    lines, centres = outlines(labels)
    width = style.width * scale
    halo = [withStroke(linewidth=width + 1.2 * scale, foreground=(0, 0, 0, 0.6))]
    dashes = (0, style.dashes) if style.dashes else "solid"
    axes.add_collection(
        LineCollection(
            lines, colors=style.colour, linewidths=width, linestyles=[dashes], path_effects=halo
        ),
        autolim=False,
    )
    if style.mark and centres:
        x, y = zip(*centres, strict=True)
        axes.plot(x, y, style.mark, color=style.colour, markerfacecolor="none", path_effects=halo,
                  markersize=6 * scale, markeredgewidth=1.6 * scale)  # fmt: skip


def _compact_png(figure: Any) -> bytes:
    """The figure as a PNG of 256 colours: grey and two line colours need no more."""
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba()))
    file = io.BytesIO()
    picture.quantize(256, method=Image.Quantize.FASTOCTREE).save(file, "PNG", optimize=True)
    return file.getvalue()
