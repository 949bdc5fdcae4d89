"""The studies by name."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, Event
from napari_metaseg.studies import (
    ablation,
    attention,
    focus_series,
    magnification,
    metadata_needed,
    real_cells,
    reimaged,
    sensitivity,
    switching,
)
from napari_metaseg.studies.collect import TrialResult, collect
from napari_metaseg.studies.execution import perform_all
from napari_metaseg.studies.report import write_study
from napari_metaseg.studies.runs import Run
from napari_metaseg.studies.study import StudyRequest, Trial

Design = Callable[[StudyRequest], Generator[Event, None, tuple[Trial, ...]]]
Illustrate = Callable[[StudyRequest, Mapping[str, Path]], Mapping[str, tuple[bytes, str]]]


@dataclass(frozen=True)
class Study:
    """A study: what it asks, in one sentence, and its trials.

    `design` makes or loads its images below the request's `out` / "cohorts", yielding what it does,
    and otherwise only describes: it trains nothing. `illustrate` draws further pictures of the
    packages of the first seed, by arm, and returns PNG and caption by file name. `takes_cohort`
    says that it is of real images, those of the request's cohort.
    """

    sentence: str
    design: Design
    illustrate: Illustrate | None = None
    takes_cohort: bool = False


@dataclass(frozen=True)
class StudyResult:
    """What a study found, and its report.md; the tables and figures lie beside that."""

    report: Path
    trials: tuple[TrialResult, ...]


STUDIES: Mapping[str, Study] = {
    "metadata-needed": Study(
        "do metadata help where the task needs them, and harm where it does not?",
        metadata_needed.design,
    ),
    "real-cells": Study(
        "real images (--cohort): do metadata help, for sources seen in training and never seen?",
        real_cells.design,
        takes_cohort=True,
    ),
    "focus-series": Study(
        "a real focus series (--cohort): does it help to know each plane's offset from focus?",
        focus_series.design,
        takes_cohort=True,
    ),
    "imbalance": Study(
        "four magnifications in shares of 20, 30, 1 and 49 %: which strategy serves the rare one?",
        magnification.imbalance,
    ),
    "unseen": Study(
        "15x and 63x, never trained on: which strategy comes near a network trained there?",
        magnification.unseen,
    ),
    "encodings": Study(
        "how should the magnification be written down, within and beyond the trained range?",
        magnification.encodings,
    ),
    "sites": Study(
        "which layers, and how many, should metadata reach?",
        magnification.sites,
    ),
    "benefit": Study(
        "what does every method bring, for how many parameters and how much time?",
        magnification.benefit,
    ),
    "augmentation": Study(
        "does zooming the training images, with their metadata, help or harm?",
        magnification.augmentation,
    ),
    "attention": Study(
        "how are channels scaled at each magnification, with metadata and without?",
        attention.design,
        attention.illustrate,
    ),
    "multitask": Study(
        "two targets in the same images, one of them rare: does the stated task switch?",
        switching.multitask,
    ),
    "styles": Study(
        "the same nuclei outlined tightly, or rarely with a margin: does the stated style switch?",
        switching.styles,
    ),
    "cell_lines": Study(
        "seven cell lines, two in an image: is the named one segmented?",
        switching.cell_lines,
    ),
    "continuous": Study(
        "nuclei of a stated mean diameter: also of diameters between the trained ones?",
        switching.continuous,
    ),
    "ablation": Study(
        "what do networks lose by metadata that are missing, wrong, random or noisy?",
        ablation.ablation,
    ),
    "me_vs_sme": Study(
        "do metadata, the image's own averages, or both steer better?",
        ablation.me_vs_sme,
    ),
    "capacity": Study(
        "is the gain more than what as many weights bring without metadata?",
        ablation.capacity,
    ),
    "redundant": Study(
        "where the image says it all: do metadata do harm?",
        ablation.redundant,
    ),
    "strength": Study(
        "do metadata matter less, the more the image itself says?",
        sensitivity.strength,
    ),
    "complexity": Study(
        "do crowding, defocus and noise change what metadata bring?",
        sensitivity.complexity,
    ),
    "dimension": Study(
        "how many metadata that mean nothing can a network be told beside the one that does?",
        sensitivity.dimension,
    ),
    "reimaged": Study(
        "real images (--cohort) at other magnifications: do metadata or one common scale help?",
        reimaged.design,
        takes_cohort=True,
    ),
}


def run_study(request: StudyRequest, token: CancelToken) -> Generator[Event, None, StudyResult]:
    """Run what is missing of a study, collect all its runs, and write its report.

    Runs that other processes performed into the same folder are collected too. Raises `InputError`
    for a name that is no study and for a cohort given to one that makes its own images, `Cancelled`
    on the token; finished runs are kept.
    """
    if request.name not in STUDIES:
        known = ", ".join(STUDIES)
        raise InputError("no such study", got=request.name, way_out=f"Choose one of {known}")
    study = STUDIES[request.name]
    if request.cohort is not None and not study.takes_cohort:
        real = ", ".join(name for name, other in STUDIES.items() if other.takes_cohort)
        raise InputError(
            f"the study {request.name} makes its own images",
            got=f"--cohort {request.cohort}",
            way_out=f"Leave out --cohort, or choose one of {real}",
        )
    trials = yield from study.design(request)
    notices = yield from perform_all(trials, request, token)
    results = collect(trials, request)
    if notices and not any(result.arms for result in results):
        raise InputError("no arm of the study could be run", got=notices[0])
    draw = study.illustrate
    further = draw(request, _first_packages(trials, request)) if draw else None
    report = write_study(request, study.sentence, results, notices, further)
    return StudyResult(report, tuple(results))


def _first_packages(trials: Sequence[Trial], request: StudyRequest) -> dict[str, Path]:
    """The packages of the first seed that are there, by arm."""
    runs = [Run(trial, arm, request.seeds[0], request) for trial in trials for arm in trial.arms]
    return {run.arm.name: run.package for run in runs if run.package.exists()}
