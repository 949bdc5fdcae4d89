"""Predict many files, one image after the other."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import replace

from napari_metaseg.events import CancelToken, Event, Notice, Progress
from napari_metaseg.packages.package import load_package
from napari_metaseg.prediction.one_image import predict_image
from napari_metaseg.prediction.plan import ImageTask, plan_tasks
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.request import PredictionRequest
from napari_metaseg.prediction.results import PredictionEntry, write_index


def predict_files(
    request: PredictionRequest, token: CancelToken
) -> Generator[Event, None, list[PredictionEntry]]:
    """Predict every image of the request; all are opened and checked before the first is computed.

    Yields progress per plane. Every image's results and `predictions.json` are complete files as
    soon as they stand there; a cancel keeps those of the images that were finished, then raises
    `Cancelled`. Raises `InputError` for what cannot be read or predicted.
    """
    package = load_package(request.package)
    predictor = Predictor(
        package,
        device=request.device,
        precision=request.precision,
        tile_px=request.tile_px,
        gates=request.gates,
    )
    free = list(package.manifest.field_names)
    request.check_names(free)
    unused = request.unused(free)
    yield from (Notice(text) for text in unused)
    tasks = plan_tasks(request, package.manifest)
    clock = _Clock(tasks)
    entries: list[PredictionEntry] = []
    for task in tasks:
        entry = yield from clock.over(task, predict_image(predictor, task, request.out, token))
        entries.append(replace(entry, notices=(*unused, *entry.notices)))
        write_index(request.out, entries)
        yield from (Notice(f"{task.row.name}: {text}") for text in entry.notices)
    return entries


class _Clock:
    """Progress of one image as progress of all: counted in steps, timed by pixels."""

    def __init__(self, tasks: Sequence[ImageTask]) -> None:
        self._steps, self._pixels = sum(t.steps for t in tasks), sum(t.pixels for t in tasks)
        self._done_steps, self._done_pixels = 0, 0
        self._start = time.monotonic()

    def over(
        self, task: ImageTask, events: Generator[Event, None, PredictionEntry]
    ) -> Generator[Event, None, PredictionEntry]:
        """The events of one image, with its progress told as that of the whole job."""
        try:
            while True:
                event = next(events)
                yield self._told(task, event) if isinstance(event, Progress) else event
        except StopIteration as stop:
            self._done_steps += task.steps
            self._done_pixels += task.pixels
            entry: PredictionEntry = stop.value
            return entry

    def _told(self, task: ImageTask, event: Progress) -> Progress:
        parts = max(event.total, 1)
        done = self._done_pixels + task.pixels * event.done / parts
        spent = time.monotonic() - self._start
        left = spent / done * (self._pixels - done) if done else None
        steps = self._done_steps + task.steps * event.done // parts
        return Progress(steps, self._steps, event.message, left)
