"""What several commands share: options, progress on the terminal, checked requests."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from napari_metaseg.errors import InputError
from napari_metaseg.events import CurvePoint, Event, Notice, Progress

DONE, OURS, CALLERS, CANCELLED = 0, 1, 2, 130
"""Exit codes: done; ended by an error of ours, or by the caller's; cancelled."""

_Request = TypeVar("_Request", bound=BaseModel)
_Result = TypeVar("_Result")


def add_device(parser: argparse._ActionsContainer) -> None:
    """Add `--device`."""
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "mps"),
        default="auto",
        help="where to compute; auto takes a GPU if there is one (default: auto)",
    )


def words(text: str) -> tuple[str, ...]:
    """The parts of a comma-separated option; refuses a list that names nothing."""
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    if not parts:
        raise argparse.ArgumentTypeError("an empty list. Name at least one, or leave it out")
    return parts


def checked(kind: type[_Request], values: Mapping[str, Any]) -> _Request:
    """The request made of `values`; raises `InputError` in the command line's own words."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise _in_plain_words(error.errors()[0]) from None


def _in_plain_words(error: ErrorDetails) -> InputError:
    """What pydantic found wrong with an option, as a person would say it."""
    option = "--" + "-".join(str(p) for p in error["loc"][:1]).replace("_", "-")
    limits = error.get("ctx", {})
    for kinds, words_ in _WORDS.items():
        if error["type"] in kinds:
            return InputError(f"{option} {words_.format(**limits)}", got=error.get("input"))
    if error["type"] == "literal_error":
        way_out = f"Choose one of {limits['expected'].replace(chr(39), '')}"
        return InputError(f"{option} has no such choice", got=error.get("input"), way_out=way_out)
    return InputError(f"{option}: {error['msg']}", got=error.get("input"))


_WORDS: Mapping[tuple[str, ...], str] = {
    ("int_parsing", "int_type", "int_from_float", "int_parsing_size"): "must be a whole number",
    ("float_parsing", "float_type", "finite_number"): "must be a number",
    ("greater_than_equal",): "must be at least {ge:g}",
    ("greater_than",): "must be above {gt:g}",
    ("less_than_equal",): "must be at most {le:g}",
    ("less_than",): "must be below {lt:g}",
    ("too_short",): "must name at least one",
}
"""Pydantic's kinds of errors, and what is said of them."""


def follow(
    events: Generator[Event, None, _Result], *, quiet: bool = False, brief: bool = False
) -> _Result:
    """Run a job to its end, showing on stderr how far it is; returns the job's result.

    A `brief` job, of seconds, shows that on a terminal only: a log needs no line of it.
    """
    line = _StatusLine(quiet, brief)
    try:
        while True:
            try:
                line.show(next(events))
            except StopIteration as stop:
                return stop.value
    finally:
        events.close()
        line.end()


class _StatusLine:
    """One line that is rewritten on a terminal; in a log, a line per tenth of the job."""

    def __init__(self, quiet: bool, brief: bool) -> None:
        self._quiet, self._brief = quiet, brief
        self._terminal = sys.stderr.isatty()
        self._open = False
        self._tenth = -1

    def show(self, event: Event) -> None:
        """Show one event."""
        if self._quiet:
            return
        if isinstance(event, Progress):
            self._progress(event)
        elif isinstance(event, Notice):
            self._line(f"note: {event.text}")
        elif isinstance(event, CurvePoint) and event.score is not None:
            self._line(f"step {event.step}: loss {event.loss:.3f}, Dice {event.score:.3f}")

    def end(self) -> None:
        """Leave the status line."""
        if self._open:
            print(file=sys.stderr)
            self._open = False

    def _progress(self, event: Progress) -> None:
        text = f"{event.message} {event.done}/{event.total}{_left(event.seconds_left)}"
        tenth = 10 * event.done // max(event.total, 1)
        if self._terminal:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
            self._open = True
        elif tenth != self._tenth and not self._brief:
            print(text, file=sys.stderr, flush=True)
        self._tenth = tenth

    def _line(self, text: str) -> None:
        self.end()
        print(text, file=sys.stderr, flush=True)


def _left(seconds: float | None) -> str:
    if seconds is None or seconds < 1:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f", {minutes}:{rest:02d} left"
