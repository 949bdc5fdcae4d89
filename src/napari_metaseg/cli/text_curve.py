"""A training curve as lines of text: Dice and loss over the steps, and a row for each domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len

from napari_metaseg.cli.text_chart import ASCII, BLOCKS, Glyphs, columns, cut, tall_rows
from napari_metaseg.events import CurvePoint

Kind = Literal["head", "dice", "loss", "domain", "axis", "more"]

_LOSS_ROWS = 2
_NARROWEST_PLOT = 8
_NUMBER = 6
"""Columns of one number at the right, the space before it included."""


@dataclass(frozen=True)
class Line:
    """One line in three parts: a name, a part of the chart, and numbers."""

    kind: Kind
    name: str
    plot: str
    numbers: str

    def __str__(self) -> str:
        return f"{self.name}{self.plot}{self.numbers}".rstrip()


def text_curve(
    curve: Sequence[CurvePoint],
    *,
    width: int,
    rows: int = 24,
    last_step: int = 0,
    best: Mapping[str, float] | None = None,
    glyphs: Glyphs = BLOCKS,
) -> list[Line]:
    """The curve on at most `rows` lines of at most `width` columns; nothing without a point.

    All rows share one axis, from 0 to `last_step` (or the last point), and Dice is drawn from 0 to
    1, so that rows can be compared. The worst domains come first; where there is no room, the
    others are counted. `best` are the Dice of the network that is kept, that of all domains by the
    empty name; without it, those of the point with the highest score.
    """
    if not curve:
        return []
    last_step = max(last_step, curve[-1].step, 1)
    best = kept(curve) if best is None else best
    domains = _last_scores(curve)
    sheet = _Sheet.fit(width, list(domains), last_step, glyphs)
    lines = _losses(sheet, curve)
    if any(point.score is not None for point in curve):
        tall = min(6, max(1, rows - len(lines) - 2 - len(domains)))
        lines = [*_dice(sheet, curve, best, tall), *lines]
    lines = [sheet.steps(), *lines]
    room = rows - len(lines)
    shown = sorted(domains, key=lambda name: domains[name])
    if len(shown) > room:
        shown = shown[: max(0, room - 1)]
    lines += [_domain(sheet, curve, name, best) for name in shown]
    if hidden := len(domains) - len(shown):
        lines.append(Line("more", f"{glyphs.more} and {hidden} better domain(s)"[:width], "", ""))
    return lines[:rows]


def kept(curve: Sequence[CurvePoint]) -> dict[str, float]:
    """The Dice of each domain where that of all (named "") was highest, and that; may be empty."""
    scored = [point for point in curve if point.score is not None]
    if not scored:
        return {}
    top = max(scored, key=lambda point: point.score or 0.0)
    return {**top.domains, "": top.score or 0.0}


@dataclass(frozen=True)
class _Sheet:
    """How the width is shared out: names, chart and numbers."""

    names: int
    plot: int
    numbers: int
    last_step: int
    glyphs: Glyphs

    @classmethod
    def fit(cls, width: int, domains: Sequence[str], last_step: int, glyphs: Glyphs) -> _Sheet:
        """Two numbers a row, one on a narrow sheet; no chart where it would tell nothing."""
        numbers = 2 * _NUMBER if width >= 48 else _NUMBER
        longest = max(map(cell_len, ("loss 1e+09", *domains))) + 1
        names = min(longest, max(11, width // 3))
        plot = width - names - numbers - 1
        if plot < _NARROWEST_PLOT:
            return cls(max(1, min(longest, width - _NUMBER)), 0, _NUMBER, last_step, glyphs)
        return cls(names, plot, numbers, last_step, glyphs)

    def line(self, kind: Kind, name: str, cells: str, *numbers: float | None) -> Line:
        texts = ("" if number is None else _number(number) for number in numbers)
        tail = "".join(f"{text:>{_NUMBER}}" for text in texts)
        return Line(kind, self.name(name), cells, tail[: self.numbers])

    def name(self, text: str, *, right: bool = False) -> str:
        """The text on the columns of the names, cut in its middle where it is longer."""
        if self.glyphs is ASCII:
            text = text.replace(" · ", ", ").replace("µ", "u").encode("ascii", "replace").decode()
        room = self.names - 1
        if cell_len(text) > room:
            text = cut(text, room, self.glyphs.more)
        pad = " " * (room - cell_len(text))
        return f"{pad}{text} " if right else f"{text}{pad} "

    def chart(self, points: Sequence[tuple[int, float]], rows: int, top: float) -> list[str]:
        """The points as rows behind the axis, from 0 to `top`; empty rows without a chart."""
        if not self.plot:
            return [""] * rows
        heights = columns(points, self.last_step, self.plot)
        scaled = [None if h is None else max(h, 0.0) / top for h in heights]
        return [self.glyphs.axis + row for row in tall_rows(scaled, rows, self.glyphs)]

    def steps(self) -> Line:
        """The axis of all rows, and what the numbers are."""
        ends = (f"step {self.last_step}", str(self.last_step), "")
        end = next(text for text in ends if len(text) < self.plot or not text)
        plot = f" 0{end:>{self.plot - 1}}" if self.plot else ""
        heads = ("last", "best") if self.numbers > _NUMBER else ("last",)
        tail = "".join(f"{head:>{_NUMBER}}" for head in heads)
        return Line("axis", " " * self.names, plot, tail)


def _dice(
    sheet: _Sheet, curve: Sequence[CurvePoint], best: Mapping[str, float], rows: int
) -> list[Line]:
    points = [(point.step, point.score) for point in curve if point.score is not None]
    charts = sheet.chart(points, rows if sheet.plot else 1, 1.0)
    names = ["Dice 1.0" if sheet.plot else "Dice", *[""] * (len(charts) - 1)]
    lines = [sheet.line("dice", n, c) for n, c in zip(names, charts, strict=True)]
    if len(lines) > 1:
        lines[-1] = Line("dice", sheet.name("0", right=True), charts[-1], "")
    lines[0] = sheet.line("dice", names[0], charts[0], points[-1][1], best.get(""))
    return lines


def _losses(sheet: _Sheet, curve: Sequence[CurvePoint]) -> list[Line]:
    points = [(point.step, point.loss) for point in curve]
    top = max(max(loss for _, loss in points), 1e-9)
    charts = sheet.chart(points, _LOSS_ROWS if sheet.plot else 1, top)
    first = sheet.line(
        "loss", f"loss {top:.2g}" if sheet.plot else "loss", charts[0], curve[-1].loss
    )
    return [first, *(Line("loss", sheet.name("0", right=True), c, "") for c in charts[1:])]


def _domain(
    sheet: _Sheet, curve: Sequence[CurvePoint], name: str, best: Mapping[str, float]
) -> Line:
    points = [(point.step, point.domains[name]) for point in curve if name in point.domains]
    (row,) = sheet.chart(points, 1, 1.0)
    return sheet.line("domain", name, row, points[-1][1], best.get(name))


def _last_scores(curve: Sequence[CurvePoint]) -> dict[str, float]:
    return {name: dice for point in curve for name, dice in point.domains.items()}


def _number(value: float) -> str:
    """Within five columns, whatever a loss may be."""
    if value < 9.9995:
        return f"{value:.3f}"
    return f"{value:.0f}" if value < 99999.5 else f"{value:.0e}"
