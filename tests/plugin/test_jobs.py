from __future__ import annotations

import threading

import pytest
from qtpy.QtCore import QObject

from napari_metaseg.errors import Cancelled, InputError
from napari_metaseg.events import Notice, Progress
from napari_metaseg.plugin.jobs import Job, explain


class Seen(QObject):
    """What a job told, and in which thread it was heard."""

    def __init__(self, job):
        super().__init__()
        self.told, self.threads = [], set()
        for name in ("event", "succeeded", "failed", "finished"):
            getattr(job, name).connect(getattr(self, f"heard_{name}"))

    def _note(self, what, value):
        self.told.append((what, value))
        self.threads.add(threading.current_thread())

    def heard_event(self, value):
        self._note("event", value)

    def heard_succeeded(self, value):
        self._note("succeeded", value)

    def heard_failed(self, value):
        self._note("failed", value)

    def heard_finished(self, value):
        self._note("finished", value)


def run(work, wait_for):
    job = Job(work)
    seen = Seen(job)
    job.start()
    wait_for(lambda: bool(seen.told) and seen.told[-1][0] == "finished")
    return job, seen


def test_events_and_the_result_arrive_in_order(wait_for):
    def work(token):
        yield Notice("one")
        yield Notice("two")
        return 3

    job, seen = run(work, wait_for)
    assert seen.told == [
        ("event", Notice("one")),
        ("event", Notice("two")),
        ("succeeded", 3),
        ("finished", "done"),
    ]
    assert job.outcome == "done"


def test_an_error_becomes_a_plain_sentence_and_the_job_ends(wait_for):
    def work(token):
        yield Notice("so far")
        raise InputError("the table has no rows", way_out="Add one")

    _, seen = run(work, wait_for)
    assert seen.told[-2:] == [
        ("failed", "the table has no rows. Add one."),
        ("finished", "failed"),
    ]


def test_cancel_reaches_work_that_checks_its_token(wait_for):
    started = threading.Event()

    def work(token):
        started.set()
        while True:
            token.raise_if_cancelled()
            yield Progress(0, 1)

    job = Job(work)
    seen = Seen(job)
    job.start()
    assert started.wait(5)
    job.cancel()
    assert job.wait(5)
    wait_for(lambda: ("finished", "stopped") in seen.told)
    assert not [what for what, _ in seen.told if what in ("failed", "succeeded")]


def test_progress_that_comes_too_fast_is_thinned_but_its_end_is_told(wait_for):
    def work(token):
        for i in range(1, 2001):
            yield Progress(i, 2000)

    _, seen = run(work, wait_for)
    told = [value for what, value in seen.told if what == "event"]
    assert len(told) < 500
    assert told[-1] == Progress(2000, 2000)


def test_other_events_are_never_dropped(wait_for):
    def work(token):
        for i in range(200):
            yield Notice(str(i))

    _, seen = run(work, wait_for)
    assert len([1 for what, _ in seen.told if what == "event"]) == 200


def test_everything_is_told_in_the_main_thread(wait_for):
    def work(token):
        yield Notice("x")
        return 1

    _, seen = run(work, wait_for)
    assert seen.threads == {threading.main_thread()}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InputError("no image", way_out="Open one"), "no image. Open one."),
        (RuntimeError("CUDA out of memory. Tried to"), "not enough memory"),
        (MemoryError(), "not enough memory"),
        (ValueError("odd shape\nmore"), "ValueError: odd shape"),
    ],
)
def test_errors_are_explained_in_words(error, words):
    assert words in explain(error)


def test_work_never_runs_in_the_thread_that_starts_it(wait_for):
    found = []

    def work(token):
        found.append(threading.current_thread())
        yield Notice("x")

    run(work, wait_for)
    assert found[0] is not threading.main_thread()


def test_a_stop_asked_for_is_no_failure(wait_for):
    def work(token):
        yield Notice("x")
        raise Cancelled

    job, _ = run(work, wait_for)
    assert job.outcome == "stopped"
