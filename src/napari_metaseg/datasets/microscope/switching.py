"""Two targets in the same image, one of them rare: what is asked stands in the table alone.

multitask
    Cultures of ordinary nuclei with a few giant ones. The task "nuclei" wants all of them, the task
    "giant nuclei", asked rarely, only the giants (an anomaly, as in the nuclei/anomaly switching of
    arXiv 2308.09411).
styles
    One population, outlined tightly along the stain, or rarely with a margin of 1 µm around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from skimage.segmentation import expand_labels

from napari_metaseg.datasets.microscope.questions import (
    Answer,
    Counts,
    Labels,
    Question,
    of_population,
    take_shot,
    write_questions,
)
from napari_metaseg.datasets.microscope.render import Rendered
from napari_metaseg.datasets.microscope.specimen import Population

TASK, STYLE = "task", "annotation_style"
NUCLEI, GIANTS = "nuclei", "giant nuclei"
TIGHT, GENEROUS = "tight", "generous"
MARGIN_UM = 1.0
_MAGNIFICATION = 20.0


def write_multitask(folder: Path, counts: Counts, *, seed: int = 2026) -> Path:
    """Write the cohort of the two tasks; the column `task` says which is meant."""
    populations = (Population("ordinary", 3.4, 0.16), Population("giant", 6.8, 0.12))
    usual = Answer("nuclei", {TASK: NUCLEI}, _everything)
    rare = Answer("giants", {TASK: GIANTS}, of_population("giant"))
    return write_questions(ask_both("multitask", populations, (usual, rare), counts, seed), folder)


def write_styles(folder: Path, counts: Counts, *, seed: int = 2026) -> Path:
    """Write the cohort of the two styles; the column `annotation_style` says which is meant."""
    populations = (Population("nuclei", 3.2, 0.15, spread=0.15),)
    usual = Answer("tight", {STYLE: TIGHT}, _everything)
    rare = Answer("generous", {STYLE: GENEROUS}, _with_margin)
    return write_questions(ask_both("styles", populations, (usual, rare), counts, seed), folder)


def ask_both(
    name: str,
    populations: Sequence[Population],
    answers: tuple[Answer, Answer],
    counts: Counts,
    seed: int,
) -> list[Question]:
    """Validation and test images get both answers, training images the first; few both."""
    questions = []
    for split, number in counts.splits():
        rare = split != "train" or number < counts.minority
        shot = take_shot(f"{name}_{split}-{number:03d}", split, populations, _MAGNIFICATION, seed)
        questions.append(Question(shot, answers if rare else answers[:1]))
    return questions


def _everything(rendered: Rendered, _pixel_um: float) -> Labels:
    return rendered.labels


def _with_margin(rendered: Rendered, pixel_um: float) -> Labels:
    """Every outline `MARGIN_UM` farther out; where two meet, the border lies half way."""
    grown = expand_labels(rendered.labels, MARGIN_UM / pixel_um)
    return np.asarray(grown, np.int32)
