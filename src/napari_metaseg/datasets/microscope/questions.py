"""Images that are asked more than once: one picture, several annotations, told apart by a column.

What is annotated then follows from the cohort table alone, so that without it nobody, man or
network, can know which of the answers is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.cohort import CohortRow, write_cohort
from napari_metaseg.acquisition.record import Value
from napari_metaseg.datasets.microscope.files import write_image, write_labels
from napari_metaseg.datasets.microscope.render import Rendered
from napari_metaseg.datasets.microscope.specimen import Population
from napari_metaseg.datasets.microscope.tasks import Series, Shot, grow_for, plan_shots

SHAPE_PX = (192, 192)
_WRITERS = 4

Labels = NDArray[np.int32]
Target = Callable[[Rendered, float], Labels]
"""From what was rendered and the pixel size in µm to the labels (Y, X) of the answer."""


@dataclass(frozen=True)
class Answer:
    """One annotation of an image: what the table states with it, and how it is drawn.

    `name` ends the names of its files and rows.
    """

    name: str
    stated: Mapping[str, Value]
    target: Target


@dataclass(frozen=True)
class Question:
    """One image to take and the annotations it gets: one row of the cohort each."""

    shot: Shot
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Counts:
    """Specimens a split: `train` for training, of which `minority` get the rare annotation too."""

    train: int = 64
    minority: int = 10
    val: int = 6
    test: int = 16

    def splits(self) -> Iterator[tuple[str, int]]:
        """Every specimen's split and its number within the split."""
        for split, count in (("train", self.train), ("val", self.val), ("test", self.test)):
            yield from ((split, i) for i in range(count))


def of_population(name: str) -> Target:
    """The target that is the population of that name."""
    return lambda rendered, _pixel_um: rendered.of(name)


def take_shot(
    name: str, split: str, populations: Sequence[Population], magnification: float, seed: int
) -> Shot:
    """A specimen of these populations in fluorescence, in a field that shows all of them.

    The name, which is also the group, and the seed decide every pixel.
    """
    number = [seed, *name.encode("ascii")]
    specimen = grow_for(tuple(populations), magnification, SHAPE_PX, number)
    series = Series(name, specimen, (magnification,), split)
    return plan_shots(series, "fluorescence", SHAPE_PX, seed)[0]


def write_questions(questions: Sequence[Question], folder: Path) -> Path:
    """Write images, labels and `cohort.csv` into `folder`; return the table's path.

    Nothing is done where the table is there: it is written last. An image is written once, however
    many rows ask about it.
    """
    table = folder / "cohort.csv"
    if not table.exists():
        with ThreadPoolExecutor(_WRITERS) as pool:
            rows = list(pool.map(lambda question: _write(question, folder), questions))
        write_cohort(list(chain.from_iterable(rows)), table)
    return table


def _write(question: Question, folder: Path) -> list[CohortRow]:
    shot = question.shot
    taken = shot.take(SHAPE_PX)
    image = folder / "images" / f"{shot.series.name}.ome.tif"
    write_image(image, taken.image, shot.optics)
    return [_write_answer(shot, answer, taken, image) for answer in question.answers]


def _write_answer(shot: Shot, answer: Answer, taken: Rendered, image: Path) -> CohortRow:
    name = f"{shot.series.name}_{answer.name}"
    labels = image.parents[1] / "labels" / f"{name}_labels.ome.tif"
    write_labels(labels, answer.target(taken, shot.optics.pixel_size_um), shot.optics)
    return CohortRow(
        image,
        labels,
        split=shot.series.split,
        group=shot.series.name,
        sample=name,
        stated=answer.stated,
    )
