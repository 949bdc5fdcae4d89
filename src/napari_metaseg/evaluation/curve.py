"""The figure of a training curve as PNG bytes: the loss above, the Dice of each domain below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_metaseg.evaluation.figures import LIGHT, Theme, as_png, dress
from napari_metaseg.events import CurvePoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8a7a00", "#7f7f7f")
"""Okabe and Ito's, which the colour-blind tell apart; the mean of the domains has the theme's."""
_DASHES = ("solid", (0, (4, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))
_MEAN = "mean of domains"
_MOST_NAMED = 12
_LONGEST_NAME = 34
_NAME_HEIGHT = 0.068
"""Of the Dice axis, from 0 to 1.02: no two names are nearer."""


def curve_png(curve: Sequence[CurvePoint], theme: Theme = LIGHT) -> bytes:
    """Training loss above validation Dice (of all domains and of each), by training step.

    Each line is named at its end, the worst twelve domains at most; the best mean is marked.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 5.2), dpi=140, facecolor=theme.paper)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 3))
    above.plot([p.step for p in curve], [p.loss for p in curve], color=theme.first, linewidth=1.6)
    above.set_ylim(bottom=min(0.0, *(p.loss for p in curve)))
    above.set_ylabel("training loss")
    _draw_dice(below, [p for p in curve if p.score is not None], theme)
    below.set_ylim(0, 1.02)
    below.set_ylabel("validation Dice")
    below.set_xlabel("training step")
    below.set_xlim(0, max(p.step for p in curve))
    for axes in (above, below):
        dress(axes, theme)
        axes.grid(color=theme.quiet, linewidth=0.6)
    figure.align_ylabels()
    return as_png(figure)


def _draw_dice(axes: Axes, scored: Sequence[CurvePoint], theme: Theme) -> None:
    """Every domain as a thin line, their mean as a thick one, and the best mean as a ring."""
    if not scored:
        axes.set_title("not validated", fontsize=9, color=theme.ink, loc="left")
        return
    last = {name: dice for point in scored for name, dice in point.domains.items()}
    named = sorted(last, key=lambda name: last[name])[:_MOST_NAMED]
    colours = {_MEAN: theme.first}
    palette = [colour for colour in _COLOURS if colour != theme.first]
    for number, name in enumerate(last):
        colour = palette[number % len(palette)] if name in named else theme.quiet
        points = [(p.step, p.domains[name]) for p in scored if name in p.domains]
        axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.3, zorder=2,
                  linestyle=_DASHES[(number + number // len(palette)) % len(_DASHES)])  # fmt: skip
        colours[name] = colour
    steps, mean = [p.step for p in scored], [p.score or 0.0 for p in scored]
    axes.plot(steps, mean, color=theme.first, linewidth=2.4, marker="o", ms=3.5, zorder=3)
    best = max(range(len(mean)), key=lambda i: mean[i])
    axes.plot([steps[best]], [mean[best]], "o", ms=10, mfc="none", mec=theme.ink, mew=1.2, zorder=4,
              clip_on=False)  # fmt: skip
    axes.set_title(f"best {mean[best]:.3f} at step {steps[best]:,} (ring)", fontsize=9,
                   color=theme.ink, loc="left")  # fmt: skip
    ends = {_MEAN: mean[-1], **{name: last[name] for name in named}}
    _name_lines(axes, ends, colours, theme, unnamed=len(last) - len(named))


def _name_lines(
    axes: Axes, ends: Mapping[str, float], colours: Mapping[str, str], theme: Theme, unnamed: int
) -> None:
    """Each line's name and last Dice right of it, moved apart where lines end close together."""
    right: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "clip_on": False}
    quiet: dict[str, Any] = {"fontsize": 8, "color": theme.ink, "va": "center"}
    for (name, dice), y in zip(ends.items(), spread_apart(list(ends.values())), strict=True):
        axes.plot((1.005, 1.035), (dice, y), color=colours[name], linewidth=1.3, **right)
        axes.text(
            1.045,
            y,
            f"{dice:.2f}  {_short(name)}",
            weight="bold" if name == _MEAN else "normal",
            parse_math=False,
            **right,
            **quiet,
        )
    if unnamed:
        axes.text(1.045, -0.06, f"grey: {unnamed} better ones", **right, **quiet)


def spread_apart(values: Sequence[float], gap: float = _NAME_HEIGHT) -> list[float]:
    """Heights for the names of lines that end at `values` (0 to 1), in their order.

    No two are nearer than `gap`, and together they are as near to their lines as can be (least
    squares), between 0 and 1 as long as there is room.
    """
    from scipy.optimize import isotonic_regression

    order = np.argsort(values, kind="stable")
    steps = gap * np.arange(len(values))
    places = isotonic_regression(np.asarray(values, float)[order] - steps).x
    places = np.maximum(np.minimum(places, 1 - steps[-1]), 0.0) + steps
    return [float(places[rank]) for rank in np.argsort(order, kind="stable")]


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
