"""The bars per domain of a report, as PNG bytes, and how its figures look.

Drawn with matplotlib's objects, never pyplot, so that any thread may do it.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_metaseg.evaluation.domains import Report
from napari_metaseg.evaluation.intervals import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Theme:
    """The colours of a figure: its paper, ink, quiet lines, and the two series."""

    paper: str
    ink: str
    quiet: str
    first: str
    second: str


LIGHT = Theme("#ffffff", "#1f2933", "#c9d1d9", "#0072B2", "#8cc6ea")
DARK = Theme("#1c2228", "#e4e9ee", "#48525c", "#56B4E9", "#2b678c")

_BAR = 0.36


def domains_png(report: Report, theme: Theme = LIGHT) -> bytes:
    """Dice and IoU of every domain as bars, worst on top, with their 95 % intervals.

    Dots are the Dice of single images.
    """
    from matplotlib.figure import Figure

    rows = len(report.domains)
    figure = Figure(figsize=(8.4, 1.0 + 0.5 * rows), dpi=140, facecolor=theme.paper)
    axes = figure.subplots()
    for row, domain in enumerate(report.domains):
        _bar(axes, row - _BAR / 2, domain.dice, domain.dice_ci95, theme.first, theme)
        _bar(axes, row + _BAR / 2, domain.iou, domain.iou_ci95, theme.second, theme)
        dots = [i.dice for i in report.images_of(domain) if i.dice is not None]
        axes.plot(dots, _spread(len(dots), row - _BAR / 2), "o", ms=3, mfc=theme.paper,
                  mec=theme.ink, mew=0.7, alpha=0.75, zorder=3, clip_on=False)  # fmt: skip
    labels = [f"{d.label}  (n = {d.n})" for d in report.domains]
    axes.set_yticks(range(rows), labels, parse_math=False)
    axes.set_ylim(rows - 0.45, -0.55)
    axes.set_xlim(0, 1)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_xlabel("score (0 no overlap, 1 perfect)")
    _legend(axes, theme)
    dress(axes, theme)
    axes.grid(axis="x", color=theme.quiet, linewidth=0.6)
    return as_png(figure)


def _bar(
    axes: Axes, y: float, score: float | None, interval: Interval | None, fill: str, theme: Theme
) -> None:
    if score is None:
        axes.text(0.01, y, "not scored", va="center", color=theme.ink, fontsize=8)
        return
    axes.barh(y, score, _BAR * 0.92, color=fill, zorder=2)
    if interval is not None:
        low, high = interval
        errors = [[max(score - low, 0)], [max(high - score, 0)]]
        for colour, width in ((theme.paper, 3.2), (theme.ink, 1.2)):
            axes.errorbar(score, y, xerr=errors, color=colour, elinewidth=width, capsize=2.5,
                          capthick=width, zorder=4)  # fmt: skip
    axes.text(1.015, y, f"{score:.2f}", va="center", color=theme.ink, fontsize=8)


def _spread(count: int, centre: float) -> list[float]:
    """Fixed small offsets, so that equal scores stay visible."""
    return [centre + _BAR * 0.32 * math.sin(2.4 * number) for number in range(count)]


def _legend(axes: Axes, theme: Theme) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Patch(color=theme.first, label="Dice (upper bar)"),
        Patch(color=theme.second, label="IoU (lower bar)"),
        Line2D([], [], color=theme.ink, marker="|", label="95 % interval of the mean"),
        Line2D([], [], linestyle="", marker="o", ms=3, mfc=theme.paper, mec=theme.ink,
               label="Dice of one image"),
    ]  # fmt: skip
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False,
                fontsize=8, labelcolor=theme.ink, borderaxespad=0.2)  # fmt: skip


def dress(axes: Axes, theme: Theme) -> None:
    """Quiet axes in the colours of the theme."""
    axes.set_facecolor(theme.paper)
    axes.set_axisbelow(True)
    axes.tick_params(colors=theme.ink, labelsize=9, length=0)
    axes.xaxis.label.set(color=theme.ink, fontsize=9)
    axes.yaxis.label.set(color=theme.ink, fontsize=9)
    for name, spine in axes.spines.items():
        spine.set_visible(name == "left")
        spine.set_color(theme.quiet)


def as_png(figure: Figure) -> bytes:
    """The figure without needless margins."""
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight", pad_inches=0.1)
    return file.getvalue()
