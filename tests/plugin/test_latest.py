from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from napari_metaseg.events import CancelToken
from napari_metaseg.plugin.latest import Latest


class Slow:
    """Answers when it is told to, and knows what it was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.go = threading.Semaphore(0)

    def __call__(self, question: int, token: CancelToken) -> int:
        self.asked.append(question)
        while not self.go.acquire(timeout=0.01):
            token.raise_if_cancelled()
        return 10 * question


class Served:
    """A thread that serves, and what it answered."""

    def __init__(self, latest: Latest[int, int]) -> None:
        self.answers: list[tuple[int, int]] = []
        self.token, self.latest = CancelToken(), latest
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        for answered in self.latest.serve(self.token):
            self.answers.append((answered.question, answered.answer))

    def start(self) -> Served:
        self.thread.start()
        return self


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.fixture
def slow():
    return Slow()


@pytest.fixture
def served(slow):
    latest = Latest(slow)
    assert not latest.ask(0), "nobody serves yet"
    made = Served(latest).start()
    until(lambda: slow.asked == [0])
    yield made
    made.token.cancel()
    latest.drop()
    made.thread.join(10)
    assert not made.thread.is_alive()


def test_of_many_questions_the_newest_follows_the_one_under_way(served, slow):
    for question in range(1, 8):
        assert served.latest.ask(question)
    assert slow.asked == [0], "two were answered at once"
    slow.go.release(2)
    until(lambda: len(served.answers) == 2)
    assert served.answers == [(0, 0), (7, 70)]
    assert slow.asked == [0, 7]
    until(lambda: not served.latest.busy)


def test_what_was_dropped_is_stopped_and_never_answered(served, slow):
    served.latest.ask(1)
    served.latest.drop()
    served.latest.ask(2)
    until(lambda: slow.asked == [0, 2])
    slow.go.release(1)
    until(lambda: bool(served.answers))
    assert served.answers == [(2, 20)]


def test_an_answer_that_came_in_spite_of_being_dropped_is_not_told(slow):
    latest: Latest[int, int] = Latest(lambda question, token: (latest.drop(), question)[1], 0.0)
    latest.ask(1)
    assert list(latest.serve(CancelToken())) == []


def test_it_ends_after_some_idle_time_and_says_so_to_the_next():
    latest: Latest[int, int] = Latest(lambda question, token: question, idle_s=0.0)
    latest.ask(1)
    assert [a.answer for a in latest.serve(CancelToken())] == [1]
    assert not latest.ask(2), "the next question would wait for ever"


def test_after_an_error_it_can_be_asked_again():
    def fail(question: int, token: CancelToken) -> int:
        raise ValueError

    latest = Latest(fail)
    latest.ask(1)
    with pytest.raises(ValueError):
        list(latest.serve(CancelToken()))
    assert not latest.busy
    assert not latest.ask(2)
