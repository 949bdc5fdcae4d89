"""How far a job of many images is: counted in steps, timed by pixels."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence

from napari_metaseg.events import Event, Progress
from napari_metaseg.prediction.jobs.plan import ImageTask
from napari_metaseg.prediction.jobs.results import PredictionEntry


class JobClock:
    """Starts with the first image; what an image counts is its `steps`."""

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
                yield self._within(task, event) if isinstance(event, Progress) else event
        except StopIteration as stop:
            entry: PredictionEntry = stop.value
            return entry
        finally:
            self.finish(task)

    def begin(self, task: ImageTask) -> Progress:
        """Count an image as done whose time tells nothing: a model was loaded for it."""
        self._done_steps += task.steps
        self._pixels -= task.pixels
        self._start = time.monotonic()
        return Progress(self._done_steps, self._steps, task.row.name)

    def finish(self, task: ImageTask) -> Progress:
        """Count an image as done, and tell how far the job is."""
        self._done_steps += task.steps
        self._done_pixels += task.pixels
        return self._told(self._done_steps, self._done_pixels, task.row.name)

    def _within(self, task: ImageTask, event: Progress) -> Progress:
        parts = max(event.total, 1)
        steps = self._done_steps + task.steps * event.done // parts
        pixels = self._done_pixels + task.pixels * event.done / parts
        return self._told(steps, pixels, event.message)

    def _told(self, steps: int, pixels: float, message: str) -> Progress:
        spent = time.monotonic() - self._start
        left = spent / pixels * (self._pixels - pixels) if pixels else None
        return Progress(steps, self._steps, message, left)
