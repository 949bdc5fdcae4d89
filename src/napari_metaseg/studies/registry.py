"""The studies by name."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, Event
from napari_metaseg.studies import focus_series, metadata_needed, real_cells
from napari_metaseg.studies.study import (
    StudyRequest,
    StudyRow,
    Trial,
    markdown_table,
    run_trial,
    write_rows,
)

Design = Callable[[StudyRequest], Generator[Event, None, tuple[Trial, ...]]]


@dataclass(frozen=True)
class Study:
    """A study: what it asks, in one sentence, and its trials.

    `design` makes or loads its images below the request's `out` / "cohorts", yielding what it does,
    and otherwise only describes: it trains nothing.
    """

    sentence: str
    design: Design


STUDIES: Mapping[str, Study] = {
    "metadata-needed": Study(
        "virtual microscope: a task that needs the magnification, and one that does not",
        metadata_needed.design,
    ),
    "real-cells": Study(
        "real images: Otsu, the U-Net without and with metadata, per modality and source",
        real_cells.design,
    ),
    "focus-series": Study(
        "a real focus series: the U-Net without and with each plane's offset from focus",
        focus_series.design,
    ),
}


def run_study(request: StudyRequest, token: CancelToken) -> Generator[Event, None, list[StudyRow]]:
    """Run a study; writes `study.json` and `study.md` and yields what its trainings yield."""
    if request.name not in STUDIES:
        known = ", ".join(STUDIES)
        raise InputError("no such study", got=request.name, way_out=f"Choose one of {known}")
    trials = yield from STUDIES[request.name].design(request)
    rows: list[StudyRow] = []
    for trial in trials:
        rows += yield from run_trial(trial, request, token)
    write_rows(rows, request.out / "study.json")
    (request.out / "study.md").write_text(markdown_table(rows), encoding="utf-8")
    return rows
