"""Questions of which only the newest counts, answered one at a time. No Qt here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Generic, TypeVar

from napari_metaseg.errors import Cancelled
from napari_metaseg.events import CancelToken

Q = TypeVar("Q")
A = TypeVar("A")
_LOOK_EVERY_S = 0.05


@dataclass(frozen=True)
class Answered(Generic[Q, A]):
    """A question with its answer."""

    question: Q
    answer: A


class Latest(Generic[Q, A]):
    """Takes questions in one thread and answers them in another: one under way, one waiting.

    A new question takes the place of the one that waits. The one under way is answered, so that
    something shows while questions keep coming, unless all was dropped: then its work is stopped
    and its answer is never heard of.
    """

    def __init__(self, answer: Callable[[Q, CancelToken], A], idle_s: float = 5.0) -> None:
        self._answer, self._idle_s = answer, idle_s
        self._changed = threading.Condition()
        self._waiting: Q | None = None
        self._under_way: CancelToken | None = None
        self._served = False

    def ask(self, question: Q) -> bool:
        """Leave a question; whether somebody serves, else `serve` must be started for it."""
        with self._changed:
            self._waiting = question
            served, self._served = self._served, True
            self._changed.notify()
        return served

    def drop(self) -> None:
        """Forget the question that waits and the one under way."""
        with self._changed:
            self._waiting = None
            if self._under_way is not None:
                self._under_way.cancel()

    @property
    def busy(self) -> bool:
        """Whether a question waits or is under way."""
        with self._changed:
            return self._waiting is not None or self._under_way is not None

    def serve(self, token: CancelToken) -> Generator[Answered[Q, A], None, None]:
        """Answer what comes, until nothing did for some seconds or the token says so."""
        try:
            while (taken := self._next(token)) is not None:
                question, own = taken
                answered = self._answered(question, own)
                if answered is not None:
                    yield answered
        except BaseException:
            # Not where it ended by itself: then another may be serving already.
            with self._changed:
                self._served, self._under_way = False, None
            raise

    def _answered(self, question: Q, own: CancelToken) -> Answered[Q, A] | None:
        """The answer, unless the question was dropped meanwhile."""
        try:
            answer = self._answer(question, own)
        except Cancelled:
            return None
        with self._changed:
            self._under_way = None
            return None if own.cancelled else Answered(question, answer)

    def _next(self, token: CancelToken) -> tuple[Q, CancelToken] | None:
        """The newest question, waited for; None where it is time to end."""
        end = time.monotonic() + self._idle_s
        with self._changed:
            self._under_way = None
            while self._waiting is None:
                if token.cancelled or time.monotonic() > end:
                    self._served = False
                    return None
                self._changed.wait(_LOOK_EVERY_S)
            question, self._waiting = self._waiting, None
            self._under_way = CancelToken()
            return question, self._under_way
