"""Long work off the main thread: a generator of events, a token that stops it, signals back.

The work never sees a widget: it gets frozen values before it starts, and what it says (events, its
result or its error) arrives in the main thread as Qt signals.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator
from typing import Any, Literal, TypeVar

from qtpy.QtCore import QObject, Signal

from napari_metaseg.errors import Cancelled, InputError
from napari_metaseg.events import CancelToken, Event, Progress

Outcome = Literal["done", "stopped", "failed"]
Work = Callable[[CancelToken], Generator[Any, None, Any]]
T = TypeVar("T")
_log = logging.getLogger(__name__)
_PROGRESS_EVERY_S = 0.05


class Job(QObject):
    """One run of some work in a thread of its own; it ends once, in one of three outcomes.

    Signals arrive in the thread that made the job: `event` (an `Event`, or what else the work
    yields), then `succeeded` (the work's result), `failed` (a plain sentence) or neither if it was
    stopped, then `finished` (the outcome).
    """

    event = Signal(object)
    succeeded = Signal(object)
    failed = Signal(str)
    finished = Signal(str)

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.token = CancelToken()
        self.outcome: Outcome | None = None
        self._work = work
        self._last_progress = 0.0
        # A daemon, so that an interpreter that is told to exit is not held up by the work.
        self._thread = threading.Thread(target=self._run, name="metaseg-job", daemon=True)

    @property
    def running(self) -> bool:
        """Whether the work is under way."""
        return self._thread.is_alive()

    def start(self) -> Job:
        """Begin; returns the job itself."""
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Ask the work to stop; it ends within one step or tile, keeping what it finished."""
        self.token.cancel()

    def wait(self, seconds: float = 10.0) -> bool:
        """Block until the work has ended, at most `seconds`; whether it has."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self.running

    def _run(self) -> None:
        try:
            result = self._drain(self._work(self.token))
        except Cancelled:
            self._end("stopped")
        except Exception as error:  # noqa: BLE001 - whatever it is, the widget must say so and live on
            if not isinstance(error, InputError):
                _log.exception("a job failed")
            self._tell("failed", explain(error))
            self._end("failed")
        else:
            self._tell("succeeded", result)
            self._end("done")

    def _drain(self, generator: Generator[Any, None, T]) -> T:
        while True:
            try:
                event = next(generator)
            except StopIteration as stop:
                result: T = stop.value
                return result
            if self._worth_telling(event):
                self._tell("event", event)

    def _worth_telling(self, event: Event | object) -> bool:
        """Drop progress that follows too fast: hundreds a second would clog the window."""
        if not isinstance(event, Progress) or event.done >= event.total:
            return True
        now = time.monotonic()
        if now - self._last_progress < _PROGRESS_EVERY_S:
            return False
        self._last_progress = now
        return True

    def _end(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self._tell("finished", outcome)

    def _tell(self, signal: str, value: object) -> None:
        try:
            getattr(self, signal).emit(value)
        except RuntimeError:
            # The window went away while the work was ending: there is nobody left to tell.
            _log.debug("a job ended after its window")


def explain(error: BaseException) -> str:
    """One plain sentence for an error, with the way out where there is one."""
    if isinstance(error, InputError):
        return str(error)
    text = str(error).strip() or type(error).__name__
    if isinstance(error, MemoryError) or "out of memory" in text.lower():
        return "There was not enough memory. Close other programs, or work on a smaller image."
    first = text.splitlines()[0]
    return f"Something went wrong in napari-metaseg ({type(error).__name__}: {first})."
