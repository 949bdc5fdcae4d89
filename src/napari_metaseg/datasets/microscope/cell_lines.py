"""Seven cell lines, two in every image: only the one that the table names is annotated.

The lines differ in the size, shape, brightness and texture of their nuclei. Every pair is imaged
and annotated both ways, so that the same picture is as often about the one line as about the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

from napari_metaseg.datasets.microscope.questions import (
    Answer,
    Question,
    of_population,
    take_shot,
    write_questions,
)
from napari_metaseg.datasets.microscope.specimen import Population

LINE = "cell_line"
_MAGNIFICATION = 20.0
_COVERAGE = 0.14

LINES = (
    Population("A small round", 2.6, _COVERAGE, elongation=(1.0, 1.1), roughness=0.05),
    Population("B small bright", 3.2, _COVERAGE, brightness=2.6, nucleoli=(0, 0)),
    Population("C spindle", 4.2, _COVERAGE, elongation=(2.6, 3.2), roughness=0.05),
    Population("D grainy", 4.6, _COVERAGE, grain=0.55, nucleoli=(0, 0)),
    Population("E lobed", 5.0, _COVERAGE, roughness=0.6, nucleoli=(0, 0), grain=0.05),
    Population("F many nucleoli", 6.0, _COVERAGE, nucleoli=(6, 8), grain=0.05, brightness=0.9),
    Population("G large dim", 7.6, _COVERAGE, brightness=0.45, elongation=(1.0, 1.2)),
)
"""Invented lines: letters, for they stand for no real one."""


def write_cell_lines(
    folder: Path, *, lines: int = len(LINES), copies: int = 2, seed: int = 2026
) -> Path:
    """Write the cohort: `copies` specimens of every pair of lines, to train and as many to test.

    Each is annotated twice. With the seven lines, two copies and one pair of neighbours a line for
    validation: 84 rows for training, 12 a line for testing.
    """
    return write_questions(list(_ask(LINES[:lines], copies, seed)), folder)


def _ask(lines: Sequence[Population], copies: int, seed: int) -> Iterator[Question]:
    pairs = list(combinations(lines, 2))
    neighbours = [(lines[i - 1], lines[i]) for i in range(len(lines))]
    for split, chosen, times in (
        ("train", pairs, copies),
        ("val", neighbours, 1),
        ("test", pairs, copies),
    ):
        for number in range(times):
            yield from (_question(pair, split, number, seed) for pair in chosen)


def _question(pair: tuple[Population, Population], split: str, number: int, seed: int) -> Question:
    letters = "".join(line.name[0] for line in pair)
    shot = take_shot(f"lines_{letters}_{split}-{number}", split, pair, _MAGNIFICATION, seed)
    answers = tuple(
        Answer(line.name[0], {LINE: line.name}, of_population(line.name)) for line in pair
    )
    return Question(shot, answers)
