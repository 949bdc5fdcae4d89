"""Real images of many sources: where metadata helps, and where it does not.

The recipe is committed: groups are split with a fixed seed, so that no field of view is on both
sides, and two whole sources are kept out of training to stand for microscopes never seen.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

from napari_metaseg.acquisition.cohort import CohortRow, read_cohort
from napari_metaseg.datasets.items import PlaneItem, load_items
from napari_metaseg.datasets.splits import split_groups
from napari_metaseg.errors import InputError
from napari_metaseg.events import Event, Notice
from napari_metaseg.studies.arms import FILM, FILM_WITHHELD, GENERAL, OTSU
from napari_metaseg.studies.study import StudyRequest, Trial
from napari_metaseg.training.request import TrainingRequest

ARMS = (OTSU, GENERAL, FILM, FILM_WITHHELD)
FIELDS = ("modality", "magnification", "pixel_size_um", "immersion", "stain")
SPLIT_SEED = 2026
TEST_SHARE = 0.3
UNSEEN_SOURCES = ("MICCAI digital pathology 2018 training", "Koyuncu et al. HepG2/Huh7")
_COLUMNS = ("source", "stain")


def design(request: StudyRequest) -> Generator[Event, None, tuple[Trial, ...]]:
    """All arms and seeds on the cohort table given with --cohort (docs/real-data.md)."""
    if request.cohort is None:
        raise InputError(
            "this study needs a cohort of real images", way_out="Give its table with --cohort"
        )
    yield Notice("Reading the images")
    training, test = split_items(request.cohort)
    base = TrainingRequest(
        steps=20 if request.quick else 500, width=12, patch_px=128, fields=FIELDS
    )
    by = ("modality", "source")
    trials: list[Trial] = []
    for task, unseen in (("sources seen", False), ("sources never seen", True)):
        chosen = [item for item in test if (item.facts["source"] in UNSEEN_SOURCES) == unseen]
        trials.append(Trial(task, "real-cells", ARMS, base, training, chosen, by))
    return tuple(trials)


def split_items(cohort: Path) -> tuple[list[PlaneItem], list[PlaneItem]]:
    """The training and the test planes of the committed recipe."""
    rows = read_cohort(cohort, extra_fields=_COLUMNS)
    tested = held_out_rows(rows)
    items = [item.loaded() for item in load_items(rows)]
    pairs = list(zip(items, (row in tested for row in rows), strict=True))
    return [i for i, test in pairs if not test], [i for i, test in pairs if test]


def held_out_rows(rows: Sequence[CohortRow]) -> list[CohortRow]:
    """The test rows: of every source a drawn share of its groups, and all of those never seen."""
    tested = []
    for source in sorted({str(row.stated["source"]) for row in rows}):
        own = [row for row in rows if row.stated["source"] == source]
        drawn = split_groups([row.group for row in own], SPLIT_SEED, TEST_SHARE)
        tested += [row for row in own if source in UNSEEN_SOURCES or row.group in drawn]
    return tested
