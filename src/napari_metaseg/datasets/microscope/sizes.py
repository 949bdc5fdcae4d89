"""Two sizes of nuclei in every image: the table states the mean diameter of those that are meant.

The diameters are continuous. Training keeps out of a gap in the middle of the range; a share of the
test images asks for a diameter within it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_metaseg.acquisition.record import Value
from napari_metaseg.datasets.microscope.questions import (
    Answer,
    Counts,
    Question,
    of_population,
    take_shot,
    write_questions,
)
from napari_metaseg.datasets.microscope.specimen import Population

SIZE, RANGE = "target_size_um", "sizes"
SEEN, BETWEEN = "trained sizes", "between the trained sizes"
SIZES_UM = (5.5, 22.0)
"""Diameters are drawn from this range."""
GAP_UM = (9.5, 13.0)
"""No training image has a population of nuclei in this range of diameters."""
RATIO = 1.6
"""The two diameters of an image differ by this factor at least."""
_MAGNIFICATION = 10.0
_COVERAGE = 0.13


def write_sizes(folder: Path, counts: Counts, *, seed: int = 2026) -> Path:
    """Write the cohort; every image is annotated for either of its two sizes.

    `counts.test` specimens keep out of the gap like those for training, as many have one of their
    two sizes in the gap. The column `sizes` says which rows ask for a diameter in the gap.
    """
    return write_questions(list(_ask(counts, seed)), folder)


def draw_sizes(rng: np.random.Generator, *, gap: bool) -> tuple[float, float]:
    """Two diameters in µm, log-uniform, far enough apart; one of them in the gap, or none."""
    while True:
        first, second = (_draw(rng, SIZES_UM), _draw(rng, GAP_UM if gap else SIZES_UM))
        apart = max(first, second) >= RATIO * min(first, second)
        if apart and not _in_gap(first) and _in_gap(second) == gap:
            return first, second


def _draw(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    return round(float(np.exp(rng.uniform(*np.log(bounds)))), 2)


def _in_gap(diameter: float) -> bool:
    return GAP_UM[0] <= diameter <= GAP_UM[1]


def _ask(counts: Counts, seed: int) -> Iterator[Question]:
    rng = np.random.default_rng([seed, 3])
    for split, number in counts.splits():
        yield _question(draw_sizes(rng, gap=False), f"sizes_{split}-{number:03d}", split, seed)
    for number in range(counts.test):
        yield _question(draw_sizes(rng, gap=True), f"sizes_gap-{number:03d}", "test", seed)


def _question(sizes: tuple[float, float], name: str, split: str, seed: int) -> Question:
    populations = [Population(_name(s), s / 2, _COVERAGE) for s in sizes]
    shot = take_shot(name, split, populations, _MAGNIFICATION, seed)
    return Question(shot, tuple(_answer(size) for size in sizes))


def _answer(diameter: float) -> Answer:
    stated: dict[str, Value] = {SIZE: diameter, RANGE: BETWEEN if _in_gap(diameter) else SEEN}
    return Answer(f"{diameter:g}um", stated, of_population(_name(diameter)))


def _name(diameter: float) -> str:
    return f"{diameter:g} um"
