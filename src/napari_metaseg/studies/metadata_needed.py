"""Metadata where they must help, and where they are not needed and should do no harm.

The virtual microscope's two tasks have a known answer (datasets/microscope/tasks.py). Every arm has
the same network, steps, patches and seeds.
"""

from __future__ import annotations

from collections.abc import Generator

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.datasets.items import load_items
from napari_metaseg.datasets.microscope.tasks import Task, write_task
from napari_metaseg.events import Event, Notice
from napari_metaseg.studies.arms import FILM, FILM_WITHHELD, FUSION, GENERAL
from napari_metaseg.studies.study import StudyRequest, Trial
from napari_metaseg.training.request import TrainingRequest

ARMS = (GENERAL, FILM, FILM_WITHHELD, FUSION)
_TASKS: tuple[Task, ...] = ("needed", "redundant")


def design(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """Both tasks, all arms and seeds; the cohorts are generated below the output folder."""
    base = TrainingRequest(
        steps=20 if request.quick else 300,
        width=12,
        patch_px=96,
        fields=("magnification",),
    )
    trials: list[Trial] = []
    for task in _TASKS:
        yield Notice(f"Generating the images of the task {task}")
        folder = request.out / "cohorts" / task
        table = write_task(task, folder, images_per_domain=3 if request.quick else 12, seed=2026)
        items = [item.loaded() for item in load_items(read_cohort(table))]
        training = [item for item in items if item.split != "test"]
        test = [item for item in items if item.split == "test"]
        by = ("magnification",)
        trials.append(Trial(task, task, ARMS, base, training, test, by))
    return tuple(trials)
