"""Wells by their usual names, and which plane of a field is which."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from napari_metaseg.errors import InputError

_MOST_ROWS = 26 * 27


def well_name(row: int, column: int, path: Path) -> str:
    """The name of the well in a row and column counted from 1: "C03", "AF48".

    Raises `InputError` (naming the index at `path`) for numbers that no plate has.
    """
    if not (0 < row <= _MOST_ROWS and 0 < column < 10_000):
        got = f"row {row}, column {column}"
        raise InputError(f"{path} names a well that no plate has", got=got)
    high, low = divmod(row - 1, 26)
    letters = (chr(ord("A") + high - 1) if high else "") + chr(ord("A") + low)
    return f"{letters}{column:02d}"


def numbered(keys: Iterable[int]) -> dict[int, int]:
    """The numbers that a file gives (from 0 or 1, with gaps) → 0, 1, 2, … in their order."""
    return {key: index for index, key in enumerate(sorted(set(keys)))}


def z_step_um(positions: Iterable[float | None]) -> float | None:
    """The distance between planes that stand at these z positions, where it is one distance."""
    known = sorted({p for p in positions if p is not None})
    steps = [b - a for a, b in pairwise(known)]
    if not steps or max(steps) - min(steps) > 0.01 * max(steps):
        return None
    return float(f"{(known[-1] - known[0]) / len(steps):.9g}")
