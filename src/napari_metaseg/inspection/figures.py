"""The figures of an inspection, as PNG bytes: layers by fields, responses, the sample's pictures.

Drawn with matplotlib's objects, never pyplot, so that any thread may do it. Colours are those of
Okabe and Ito and of the maps cividis and viridis, which colour-blind people can tell apart.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_metaseg.evaluation.figures import LIGHT
from napari_metaseg.evaluation.overlays import contrast
from napari_metaseg.inspection.result import FieldReport, Inspection, Move, Quantity
from napari_metaseg.inspection.verdict import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLUE, _ORANGE, _SHADE = "#0072B2", "#E69F00", "#e9edf1"
_TITLES: dict[Quantity, str] = {
    "weights": "filters move",
    "biases": "offsets move",
    "outputs": "features move",
}
_MOST_PICTURES = 6
_SMALL_PERCENT = 0.0005


def heatmap_png(inspection: Inspection) -> bytes:
    """How far each field moves every layer's filters, offsets (biases, shifts) and features.

    Layers in the order the image meets them, fields side by side; the numbers are per cent of the
    layer's own size under the sample's condition. Needs at least one field that the network sees.
    """
    from matplotlib.figure import Figure

    layers = ordered_layers(inspection)
    fields = [report for report in inspection.fields if report.seen_by_network]
    panels: list[Quantity] = [q for q in _TITLES if any(r.most(q) for r in fields)]
    if not any(part for r in fields for part in r.most("biases").values()):
        panels = [quantity for quantity in panels if quantity != "biases"]
    width = 1.8 + len(panels) * (0.8 + 0.75 * len(fields))
    figure = Figure(figsize=(width, 1.5 + 0.27 * len(layers)), dpi=130, layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for place, quantity in zip(axes, panels, strict=True):
        _heat(place, fields, layers, quantity)
    axes[0].set_yticks(range(len(layers)), layers)
    axes[0].set_ylabel("layer, from the image (top) to the result")
    figure.suptitle("How far each field moves each layer, in %", fontsize=10)
    return png(figure)


def _heat(axes: Axes, fields: Sequence[FieldReport], layers: list[str], which: Quantity) -> None:
    moved = [report.most(which) for report in fields]
    table = np.array([[one.get(layer, np.nan) for one in moved] for layer in layers])
    top = float(np.nanmax(table)) if np.isfinite(table).any() else 0.0
    axes.set_facecolor(_SHADE)
    axes.imshow(table, cmap="cividis", vmin=0, vmax=top or 1, aspect="auto")
    for row, column in np.ndindex(table.shape):
        value = float(table[row, column])
        if np.isfinite(value):
            ink = "white" if value < 0.6 * (top or 1) else "black"
            axes.text(column, row, _cell(value), ha="center", va="center", fontsize=7, color=ink)
    axes.set_xticks(range(len(fields)), [r.name for r in fields], rotation=25, ha="right",
                    rotation_mode="anchor")  # fmt: skip
    axes.set_title(_TITLES[which], fontsize=9)
    axes.tick_params(labelsize=8, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _cell(value: float) -> str:
    if value == 0:
        return "0"
    return "<0.1" if value < _SMALL_PERCENT else f"{100 * value:.3g}"


def ordered_layers(inspection: Inspection) -> list[str]:
    """The layers to show: those with outputs, and the upsamplings whose filters move."""
    moved = {n for r in inspection.fields for n, change in r.most("weights").items() if change}
    layers: list[str] = []
    for layer in inspection.layers:
        up = layer.replace("dec", "up").removesuffix(".1")
        if up != layer and up in moved:
            layers.append(up)
        layers.append(layer)
    return layers


def curves_png(inspection: Inspection) -> bytes:
    """The result for each number of every numeric field, over and beyond the trained range.

    Blue: foreground area; orange, dashed: mean foreground probability. Dots stand at trained
    values, a triangle at the sample's own; where the area is shaded the model was not trained.
    """
    from matplotlib.figure import Figure

    reports = [report for report in inspection.fields if report.curve]
    columns = min(3, len(reports))
    rows = -(-len(reports) // columns)
    size = (max(3.6 * columns, 7.2), 3.0 * rows + 0.7)
    figure = Figure(figsize=size, dpi=130, layout="constrained")
    for number, report in enumerate(reports, start=1):
        axes = figure.add_subplot(rows, columns, number)
        _response(axes, report)
        if (number - 1) % columns == 0:
            axes.set_ylabel("% of the sample image", fontsize=8)
    legend: dict[str, Any] = {}
    for axes in figure.axes:
        handles, labels = axes.get_legend_handles_labels()
        legend |= dict(zip(labels, handles, strict=True))
    figure.legend(
        legend.values(),
        legend.keys(),
        loc="outside lower center",
        ncols=3,
        fontsize=8,
        frameon=False,
    )
    return png(figure)


def _response(axes: Axes, report: FieldReport) -> None:
    points = report.curve
    x = [point.value for point in points]
    area = [100 * point.area for point in points]
    axes.plot(x, area, color=_BLUE, label="foreground area")
    axes.plot(x, [100 * p.probability for p in points], color=_ORANGE, linestyle=(0, (4, 2)),
              label="mean foreground probability")  # fmt: skip
    trained = [move.value for move in report.known]
    at = [(p.value, 100 * p.area) for p in points if p.value in trained]
    axes.plot(*zip(*at, strict=True), "o", color=_BLUE, ms=5, label="trained value")
    _shade_untrained(axes, report)
    if report.transform != "linear":
        axes.set_xscale("log")
        _plain_ticks(axes, [value for value, _ in at])
    if isinstance(report.sample_value, float | int):
        axes.plot(report.sample_value, 0, "^", color=LIGHT.ink, ms=7, clip_on=False, zorder=5,
                  label="the sample's own value")  # fmt: skip
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(0, max(5.0, 1.15 * max(area + [100 * p.probability for p in points])))
    axes.set_xlabel(report.name, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _shade_untrained(axes: Axes, report: FieldReport) -> None:
    """Grey beyond the trained range, hatched where the nearest trained value is used instead."""
    low, high = report.trained_range or (None, None)
    if low is None or high is None:
        return
    clamped = any(point.clamped for point in report.curve)
    label = "not trained: " + ("nearest trained value is used" if clamped else "extrapolated")
    ends = ((report.curve[0].value, low), (high, report.curve[-1].value))
    for start, stop in ends:
        axes.axvspan(start, stop, facecolor=_SHADE, edgecolor="#b8c2cc", linewidth=0,
                     hatch="///" if clamped else None, label=label, zorder=0)  # fmt: skip
        label = "_"


def _plain_ticks(axes: Axes, values: Sequence[float]) -> None:
    from matplotlib.ticker import NullLocator

    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(values, [f"{value:.3g}" for value in values])


def strip_png(inspection: Inspection) -> bytes:
    """The sample image as each field says something else: one row a field, one picture a value.

    Orange: the outline predicted so; blue, dashed: the outline under the sample's own condition.
    """
    from matplotlib.figure import Figure

    rows = [_chosen(report) for report in inspection.fields]
    columns = max(len(row) for row in rows)
    size = (1.75 * columns + 0.3, 2.2 * len(rows) + 0.45)
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    grey = contrast(inspection.image)
    for report, moves, places in zip(inspection.fields, rows, axes, strict=True):
        for place in places:
            place.set_axis_off()
        for place, move in zip(places, moves, strict=False):
            _picture(place, grey, inspection, report, move)
    _strip_legend(figure)
    return png(figure)


def _picture(
    axes: Axes, grey: np.ndarray, inspection: Inspection, report: FieldReport, move: Move
) -> None:
    axes.imshow(grey, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    for classes, colour, style in (
        (inspection.classes, "#56B4E9", "dashed"),
        (move.classes, _ORANGE, "solid"),
    ):
        mask = classes > 0
        if mask.any() and not mask.all():
            axes.contour(mask, levels=[0.5], colors=[colour], linewidths=1.2, linestyles=[style])
    own = move.value is not None and move.value == report.sample_value
    changed = "as recorded" if own else f"{percent(move.mask_changed)} changed"
    axes.set_title(f"{report.name}\n{move.label}: {changed}", fontsize=7.5)


def _strip_legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=_ORANGE, label="predicted with this value"),
        Line2D([], [], color="#56B4E9", linestyle="dashed", label="predicted as recorded"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8, frameon=False)


def _chosen(report: FieldReport) -> list[Move]:
    """Some moves spread evenly over the known values, the unknown one last."""
    known = report.known
    steps = np.linspace(0, len(known) - 1, min(len(known), _MOST_PICTURES - 1)).round()
    unknown = report.unknown
    return [*(known[int(step)] for step in steps), *([unknown] if unknown else [])]


def png(figure: Figure) -> bytes:
    """The figure as PNG bytes."""
    file = io.BytesIO()
    figure.savefig(file, format="png", facecolor="white")
    return file.getvalue()
