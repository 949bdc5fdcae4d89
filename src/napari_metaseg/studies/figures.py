"""The figures of a study as PNG bytes, legible in print and to the colour-blind.

Drawn with matplotlib's objects, never pyplot, so that any thread may do it.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_metaseg.acquisition.record import Value
from napari_metaseg.studies.collect import TrialResult
from napari_metaseg.studies.table import MEAN_OF_DOMAINS, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _QUIET, _OWN, _BASE = "#1f2933", "#c9d1d9", "#0072B2", "#D55E00"
_LINES = ("#000000", "#E69F00", "#0072B2", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#7a7a7a")
_MARKS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
_DASHES: tuple[str | tuple[float, tuple[float, ...]], ...] = (
    "solid",
    (0, (5, 2)),
    (0, (1, 1.3)),
    (0, (5, 1.5, 1, 1.5)),
)
_MOST_LINES = 10
_DPI = 140


def draw(result: TrialResult) -> dict[str, bytes]:
    """Every figure that suits a trial, the main one first: "magnification", "domains", "cost"."""
    if not result.rows:
        return {}
    figures = {}
    if len(trained_and_tested(result)) > 1:
        figures["magnification"] = magnification_png(result)
    figures["domains"] = domains_png(result)
    if len({arm.parameters for arm in result.arms if arm.parameters}) > 1:
        figures["cost"] = cost_png(result)
    return figures


def domains_png(result: TrialResult) -> bytes:
    """A column a domain, a line an arm: Dice with its 95 % interval; the baseline is orange."""
    from matplotlib.figure import Figure

    names = [arm.arm.name for arm in result.arms]
    labels = list(dict.fromkeys(row.label for row in result.rows))
    width = 2.2 + 0.075 * max(map(len, names)) + 1.75 * len(labels)
    figure = Figure(figsize=(width, 1.1 + 0.3 * len(names)), dpi=_DPI, facecolor="white")
    columns = figure.subplots(1, len(labels), sharey=True, squeeze=False)[0]
    low = _floor(result.rows)
    for axes, label in zip(columns, labels, strict=True):
        own = {row.arm: row for row in result.rows if row.label == label}
        _column(axes, own, names, result.trial.baseline_name)
        first = next(iter(own.values()))
        size = f"n = {first.n} in {first.groups} groups"
        title = "\n".join([*textwrap.wrap(label, 20), size])
        axes.set_title(title, fontsize=9, color=_INK, parse_math=False)
        axes.set_xlim(low, 1.0)
        axes.set_xlabel("Dice", fontsize=8, color=_INK)
        _dress(axes)
        axes.grid(visible=False, axis="y")
    columns[0].set_yticks(range(len(names)), names, parse_math=False, fontsize=9)
    columns[0].set_ylim(len(names) - 0.4, -0.6)
    return _png(figure)


def _column(axes: Axes, rows: dict[str, Row], names: Sequence[str], baseline: str) -> None:
    if baseline in rows and rows[baseline].dice is not None:
        axes.axvline(rows[baseline].dice or 0.0, color=_BASE, linewidth=1, linestyle=(0, (4, 2)))
    for y, name in enumerate(names):
        row = rows.get(name)
        if row is None or row.dice is None:
            continue
        colour, mark = (_BASE, "D") if name == baseline else (_OWN, "o")
        if row.low is not None and row.high is not None:
            axes.plot([row.low, row.high], [y, y], color=colour, linewidth=1.6, zorder=3)
        seeds = [d for d in row.seed_dice if d is not None]
        axes.plot(seeds, [y] * len(seeds), "|", color=_INK, ms=6, mew=0.8, alpha=0.6, zorder=2)
        axes.plot([row.dice], [y], mark, color=colour, ms=5, zorder=4)


def trained_and_tested(result: TrialResult) -> dict[float, bool]:
    """Every magnification that is tested, and whether the trial trains on it; empty without any."""
    if tuple(result.trial.by) != ("magnification",):
        return {}
    seen = {i.condition.get("magnification") for i in result.trial.training}
    tested = {_number(row.domain.get("magnification")) for row in result.rows if row.domain}
    known = {_number(value) for value in seen}
    return {m: m in known for m in sorted(m for m in tested if m is not None)}


def magnification_png(result: TrialResult) -> bytes:
    """Dice against magnification, a line an arm (the baseline and the best nine at most).

    Filled marks are trained magnifications, hollow ones and the grey bands are unseen. An arm with
    training planes of its own (an oracle) is drawn where it was trained alone.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 4.6), dpi=_DPI, facecolor="white")
    axes = figure.subplots()
    known = trained_and_tested(result)
    for magnification in (m for m, trained in known.items() if not trained):
        axes.axvspan(magnification / 1.09, magnification * 1.09, color="#eceff2", zorder=0)
    for number, name in enumerate(_chosen(result)):
        rows = [row for row in result.rows if row.arm == name and row.domain]
        own = oracle_magnifications(result, name)
        if own:
            rows = [row for row in rows if _number(row.domain["magnification"]) in own]
        _line(axes, number, name, rows, known | dict.fromkeys(own, True))
    axes.set_xscale("log", base=2)
    ticks = [f"{m:g}x" + ("" if trained else "\nunseen") for m, trained in known.items()]
    axes.set_xticks(list(known), ticks)
    axes.minorticks_off()
    axes.set_xlabel("magnification of the test images", fontsize=9, color=_INK)
    axes.set_ylabel("Dice", fontsize=9, color=_INK)
    axes.set_ylim(_floor(result.rows), 1.0)
    legend = axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5))
    for text in legend.get_texts():
        text.set_parse_math(False)
    _dress(axes)
    return _png(figure)


def oracle_magnifications(result: TrialResult, name: str) -> frozenset[float]:
    """What an arm with training planes of its own was trained on; empty for the others."""
    cohort = next(arm.cohort for arm in result.trial.arms if arm.name == name)
    planes = result.trial.other_training.get(cohort, ())
    found = (_number(item.condition.get("magnification")) for item in planes)
    return frozenset(m for m in found if m is not None)


def _chosen(result: TrialResult) -> list[str]:
    """The arms to draw as lines, in the study's order: baseline and oracles, then the highest."""
    names = [arm.arm.name for arm in result.arms]
    if len(names) <= _MOST_LINES:
        return names
    mean = {row.arm: row.dice or 0.0 for row in result.rows if row.label == MEAN_OF_DOMAINS}
    first = {arm.name for arm in result.trial.arms if arm.cohort} | {result.trial.baseline_name}
    ranked = sorted(names, key=lambda n: (n not in first, -mean[n]))
    kept = set(ranked[:_MOST_LINES])
    return [name for name in names if name in kept]


def _line(
    axes: Axes, number: int, name: str, rows: Sequence[Row], known: dict[float, bool]
) -> None:
    colour, mark = _LINES[number % len(_LINES)], _MARKS[number % len(_MARKS)]
    points = [(_number(r.domain["magnification"]), r) for r in rows if r.dice is not None]
    points = sorted((p for p in points if p[0] is not None), key=lambda p: p[0] or 0.0)
    shift = 1 + 0.012 * (number - 4.5)
    x = [(m or 0.0) * shift for m, _ in points]
    axes.plot(x, [r.dice or 0.0 for _, r in points], color=colour, linewidth=1.5, zorder=3,
              linestyle=_dashes(number))  # fmt: skip
    for place, (magnification, row) in zip(x, points, strict=True):
        filled = colour if known.get(magnification or 0.0) else "white"
        axes.plot([place], [row.dice or 0.0], mark, mec=colour, mfc=filled, ms=6, zorder=5)
        if row.low is not None and row.high is not None:
            axes.plot([place] * 2, [row.low, row.high], color=colour, linewidth=0.9, zorder=2)
    axes.plot([], [], mark, color=colour, label=name, linestyle=_dashes(number))


def _dashes(number: int) -> str | tuple[float, tuple[float, ...]]:
    """Another rhythm where the colours begin again."""
    return _DASHES[(number + number // len(_LINES)) % len(_DASHES)]


def cost_png(result: TrialResult) -> bytes:
    """Mean Dice over the domains against the number of parameters and the training time."""
    from matplotlib.figure import Figure

    last = {row.arm: row for row in result.rows}
    rows = [row for row in last.values() if row.dice is not None and row.parameters]
    numbers = {row.arm: i for i, row in enumerate(rows, start=1)}
    height = max(4.4, 0.17 * len(rows) + 1.2)
    figure = Figure(figsize=(9.6, height), dpi=_DPI, facecolor="white")
    for axes, name, words in zip(
        figure.subplots(1, 2, sharey=True),
        ("parameters", "train_seconds"),
        ("parameters", "seconds of training"),
        strict=True,
    ):
        _scatter(axes, rows, name, numbers, result.trial.baseline_name)
        axes.set_xlabel(words, fontsize=9, color=_INK)
        _dress(axes)
    figure.axes[0].set_ylabel(f"Dice, {rows[0].label}", fontsize=9, color=_INK)
    key = "\n".join(f"{i}  {arm}" for arm, i in numbers.items())
    figure.text(0.93, 0.5, key, fontsize=8, color=_INK, va="center", parse_math=False)
    return _png(figure)


def _scatter(
    axes: Axes, rows: Sequence[Row], name: str, numbers: dict[str, int], baseline: str
) -> None:
    points: dict[tuple[float, float], list[Row]] = {}
    for row in rows:
        value = getattr(row, name)
        if value and row.dice is not None:
            points.setdefault((value, row.dice), []).append(row)
    for number, (place, members) in enumerate(sorted(points.items(), key=lambda p: p[0][1])):
        own = any(row.arm == baseline for row in members)
        colour, mark = (_BASE, "D") if own else (_OWN, "o")
        axes.plot(*([v] for v in place), mark, color=colour, ms=5, zorder=3)
        text = ", ".join(str(numbers[row.arm]) for row in members)
        side, align = ((5, -3), "left") if number % 2 else ((-5, -3), "right")
        axes.annotate(
            text, place, side, fontsize=8, color=_INK, textcoords="offset points", ha=align
        )  # to either side in turn, so that neighbours do not cover each other
    _plain_axis(axes, [value for value, _ in points])


def _plain_axis(axes: Axes, values: Sequence[float]) -> None:
    """Few ticks with plain numbers; logarithmic where the values span more than four times."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    log = bool(values) and max(values) > 4 * min(values)
    if log:
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)) if log else MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    if log:
        axes.set_xlim(min(values) / 1.4, max(values) * 1.4)


def _floor(rows: Sequence[Row]) -> float:
    """Where the axis of the scores begins: a tenth below the lowest mark."""
    marks = [m for row in rows for m in (row.low, row.dice, *row.seed_dice) if m is not None]
    return max(0.0, math.floor(10 * min(marks, default=0.0) - 0.2) / 10)


def _number(value: Value | None) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _dress(axes: Axes) -> None:
    axes.set_axisbelow(True)
    axes.grid(color=_QUIET, linewidth=0.6)
    axes.tick_params(colors=_INK, labelsize=8, length=0)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(_QUIET)


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight", pad_inches=0.1)
    return file.getvalue()
