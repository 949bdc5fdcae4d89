"""The two lists of what was written: one for programs, and one to review the results by."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from napari_metaseg.acquisition.cohort import CohortRow, write_cohort
from napari_metaseg.acquisition.fields import CONDITION_FIELDS
from napari_metaseg.acquisition.record import Value
from napari_metaseg.files import atomic_path
from napari_metaseg.prediction.jobs.plan import ImageTask
from napari_metaseg.prediction.jobs.results import PredictionEntry

INDEX, REVIEW = "predictions.json", "review.csv"
_SHARE_OF_TIME = 0.05


class ResultLists:
    """`predictions.json` in the order of the tasks, and `review.csv`, the most doubtful first.

    `notices` are those of the job as a whole, which every entry has before its own.
    """

    def __init__(self, out: Path, tasks: Sequence[ImageTask], notices: Sequence[str] = ()) -> None:
        self._out, self._tasks, self._notices = out, tasks, notices
        self._entries: dict[str, PredictionEntry] = {}
        self._written, self._took_s = 0.0, 0.0

    @property
    def entries(self) -> list[PredictionEntry]:
        """The images that are finished, in the order of the tasks."""
        return [self._entries[t.stem] for t in self._tasks if t.stem in self._entries]

    def add(self, task: ImageTask, entry: PredictionEntry) -> None:
        """Take up a finished image; the files follow, at once or before long."""
        told = (*self._notices, *entry.notices)
        self._entries[task.stem] = replace(entry, image=str(task.row.image), notices=told)
        if (time.monotonic() - self._written) * _SHARE_OF_TIME >= self._took_s:
            self.write()

    def write(self) -> None:
        """Write both lists; nothing where no image is finished."""
        if not self._entries:
            return
        start = time.monotonic()
        _write_index(self._out / INDEX, self.entries)
        done = [(t, self._entries[t.stem]) for t in self._tasks if t.stem in self._entries]
        write_review(self._out / REVIEW, done)
        self._written = time.monotonic()
        self._took_s = self._written - start


def _write_index(path: Path, entries: Sequence[PredictionEntry]) -> None:
    text = json.dumps([e.listed() for e in entries], indent=1, allow_nan=False, ensure_ascii=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_review(path: Path, done: Sequence[tuple[ImageTask, PredictionEntry]]) -> None:
    """Write a cohort table of images and the objects found in them, the most doubtful first.

    What all planes of an image share of their metadata fills the condition fields. Beside them
    stand `objects` (of all planes), `foreground_percent` (of the pixels), `uncertain_percent` (of
    the pixels that may be foreground, with a probability from 0.25, those below 0.75) and
    `notices`. The share that is uncertain is the order, then the number of notices.
    """
    ranked = sorted(done, key=lambda pair: _doubt(pair[1]), reverse=True)
    entries = [entry for _, entry in ranked]
    write_cohort(
        [_row(path.parent, task, entry) for task, entry in ranked],
        path,
        fields=tuple(CONDITION_FIELDS),
        further={
            "objects": [e.content.objects for e in entries],
            "foreground_percent": [_percent(e.content.foreground_share) for e in entries],
            "uncertain_percent": [_percent(e.content.uncertain_share) for e in entries],
            "notices": ["; ".join(e.notices) for e in entries],
        },
    )


def _doubt(entry: PredictionEntry) -> tuple[float, int]:
    return entry.content.uncertain_share, len(entry.notices)


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _row(out: Path, task: ImageTask, entry: PredictionEntry) -> CohortRow:
    return replace(
        task.row,
        labels=out / entry.labels,
        label_kind="instances",
        stated={**task.row.stated, **_shared(entry.metadata)},
        plane_axes="ZX" if task.is_vertical else "",
    )


def _shared(conditions: Sequence[Mapping[str, Value]]) -> dict[str, Value]:
    """What is known alike of all planes."""
    first, *others = conditions
    return {n: v for n, v in first.items() if all(other.get(n) == v for other in others)}
