"""What a chart in a terminal is made of: cells filled to a height, columns of steps, cut names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len, set_cell_size


@dataclass(frozen=True)
class Glyphs:
    """What a chart is drawn with: `levels` fill a cell, from nothing to all of it."""

    levels: str
    axis: str
    more: str


BLOCKS = Glyphs(" ▁▂▃▄▅▆▇█", "┤", "…")
ASCII = Glyphs(" .:-=+*#%", "|", "~")


def glyphs_for(encoding: str | None) -> Glyphs:
    """Blocks where the encoding has them, else ASCII."""
    try:
        "".join((BLOCKS.levels, BLOCKS.axis, BLOCKS.more)).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def columns(points: Sequence[tuple[int, float]], last_step: int, count: int) -> list[float | None]:
    """The values of `count` columns of steps from 0 to `last_step`, None beyond the points.

    A column has the last point that falls into it, else what lies between its neighbours.
    """
    steps = np.array([step for step, _ in points], float)
    values = np.array([value for _, value in points], float)
    centres = (np.arange(count) + 0.5) * last_step / count
    between = np.interp(centres, steps, values, left=np.nan, right=np.nan)
    hit = np.clip(np.ceil(steps * count / last_step).astype(int) - 1, 0, count - 1)
    between[hit] = values
    return [None if np.isnan(value) else float(value) for value in between]


def tall_rows(heights: Sequence[float | None], rows: int, glyphs: Glyphs) -> list[str]:
    """Columns of heights 0 to 1 on so many rows, the top one first; a height of 0 shows, too."""
    full = len(glyphs.levels) - 1
    cells = [None if h is None else max(1, round(min(h, 1.0) * rows * full)) for h in heights]

    def glyph(cell: int | None, below: int) -> str:
        return " " if cell is None else glyphs.levels[min(max(cell - below, 0), full)]

    bottoms = reversed(range(0, rows * full, full))
    return ["".join(glyph(cell, below) for cell in cells) for below in bottoms]


def cut(text: str, room: int, more: str) -> str:
    """The beginning and the end: domains that differ in their last field stay apart."""
    end = room // 2
    tail = text
    while cell_len(tail) > end:
        tail = tail[1:]
    return set_cell_size(text, max(0, room - 1 - cell_len(tail))) + more + tail
