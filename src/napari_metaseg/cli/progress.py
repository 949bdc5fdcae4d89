"""Follow a job to its end, and say on stderr how far it is: as lines of a log, or live."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from typing import Protocol, TextIO, TypeVar

from napari_metaseg.cli.text_chart import glyphs_for
from napari_metaseg.cli.text_curve import text_curve
from napari_metaseg.cli.told import Story, point_words, progress_words
from napari_metaseg.events import CurvePoint, Event, Notice, Progress

_Result = TypeVar("_Result")

_LOG_WIDTH = 80
_LOG_ROWS = 40


class View(Protocol):
    """What shows the events of a job."""

    def show(self, event: Event) -> None:
        """Show one event."""

    def end(self) -> None:
        """Leave the screen in order, whatever ended the job."""


def follow(
    events: Generator[Event, None, _Result], *, quiet: bool = False, brief: bool = False
) -> _Result:
    """Run a job to its end, showing on stderr how far it is; returns the job's result.

    A `brief` job, of seconds, shows that on a terminal only: a log needs no line of it.
    """
    view = make_view(quiet=quiet, brief=brief)
    try:
        while True:
            try:
                view.show(next(events))
            except StopIteration as stop:
                return stop.value
    finally:
        events.close()
        view.end()


def make_view(*, quiet: bool, brief: bool) -> View:
    """Nothing at all, a live display on a terminal that can move its cursor, or lines of a log."""
    if quiet:
        return _Nothing()
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        from napari_metaseg.cli.live import LiveView

        return LiveView()
    return LogView(sys.stderr, brief=brief)


class LogView:
    """A line per tenth of the job and per validation, and the curve at the end."""

    def __init__(self, file: TextIO, *, brief: bool = False) -> None:
        self._file, self._brief = file, brief
        self._story = Story()
        self._tenth = -1

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Progress):
            self._progress(event)
        elif isinstance(event, Notice):
            self._line(f"note: {event.text}")
        elif isinstance(event, CurvePoint):
            best = self._story.point(event)
            if event.score is not None:
                self._line(point_words(event, best=best))

    def end(self) -> None:
        """Draw the curve, if there is one."""
        if len(self._story.curve) > 1:
            lines = text_curve(
                self._story.curve,
                width=_LOG_WIDTH,
                rows=_LOG_ROWS,
                best=self._story.best,
                glyphs=glyphs_for(self._file.encoding),
            )
            self._line("\n".join(map(str, lines)))

    def _progress(self, event: Progress) -> None:
        self._story.now = event
        tenth = 10 * event.done // max(event.total, 1)
        if tenth != self._tenth and not self._brief:
            self._line(" ".join(progress_words(event)))
        self._tenth = tenth

    def _line(self, text: str) -> None:
        print(text, file=self._file, flush=True)


class _Nothing:
    """For scripts: only the result is said."""

    def show(self, event: Event) -> None:
        pass

    def end(self) -> None:
        pass
