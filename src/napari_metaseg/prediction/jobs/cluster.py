"""Share the images of a job among worker processes, here or of any dask scheduler."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, Event, Notice, Progress
from napari_metaseg.files import atomic_path
from napari_metaseg.prediction.jobs.clock import JobClock
from napari_metaseg.prediction.jobs.connection import Workers, connection_lost, open_workers
from napari_metaseg.prediction.jobs.outcome import Outcome
from napari_metaseg.prediction.jobs.plan import ImageTask
from napari_metaseg.prediction.jobs.setup import Setup
from napari_metaseg.prediction.jobs.worker import predict_one, read_answer
from napari_metaseg.prediction.request import PredictionRequest

if TYPE_CHECKING:
    from distributed import Future

_LOOK_S, _ABSENT_S = 0.1, 5
_RETRIES = 3


def predict_on_workers(
    request: PredictionRequest, setup: Setup, tasks: Sequence[ImageTask], token: CancelToken
) -> Generator[Event | Outcome, None, None]:
    """Predict each image in a worker process, one image a task; outcomes come as they are done.

    A task whose worker dies goes to another one, up to three times. Workers write the results and
    note each image that is finished, so nothing of those is lost, whatever happens here. Raises
    `InputError` where there is no dask.distributed or no such scheduler, and where no worker can do
    any image, and `Cancelled`: workers give up what they have in hand within a tile.
    """
    yield Progress(0, sum(task.steps for task in tasks), "starting workers")
    count = request.workers and min(request.workers, len(tasks))
    with open_workers(count or 1, request.scheduler) as workers, _marked(setup) as marked:
        yield from _follow(workers, marked, tasks, token)


def _follow(
    workers: Workers, setup: Setup, tasks: Sequence[ImageTask], token: CancelToken
) -> Generator[Event | Outcome, None, None]:
    done = Queue[Any]()
    left = {f"metaseg-{setup.run}-{number}": task for number, task in enumerate(tasks)}
    futures = workers.client.map(
        predict_one,
        [_located(task).to_json() for task in tasks],
        setup_text=setup.to_json(),
        threads=workers.threads,
        key=list(left),
        retries=_RETRIES,
        pure=False,
    )
    for future in futures:
        future.add_done_callback(done.put)
    presence = _Presence(workers)
    yield from presence.wait(token)
    clock, loading = JobClock(tasks), workers.count()
    while left:
        token.raise_if_cancelled()
        try:
            future = done.get(timeout=_LOOK_S)
        except Empty:
            yield from presence.look()
            continue
        task = left.pop(future.key)
        yield Outcome(task, _result(task, future))
        yield clock.finish(task) if len(tasks) - len(left) > loading else clock.begin(task)


def _located(task: ImageTask) -> ImageTask:
    """The task for a process that may have another working directory."""
    return replace(task, row=replace(task.row, image=task.row.image.absolute()))


def _result(task: ImageTask, future: Future[Any]) -> Any:
    """What became of an image. Raises what would befall every other image, too."""
    from distributed import KilledWorker

    if future.status == "finished":
        result, blame = read_answer(future.result())
        if blame == "worker" and isinstance(result, InputError):
            raise result
        return result
    if future.status != "error":
        raise connection_lost()
    error = future.exception()
    if isinstance(error, KilledWorker):
        return InputError(
            f"{task.row.name}: {1 + error.allowed_failures} workers died while they computed it",
            way_out="It may need more memory: take fewer workers, or a smaller --tile-px",
        )
    raise error


class _Presence:
    """Whether there are workers: some clusters start them for tasks that are there."""

    def __init__(self, workers: Workers) -> None:
        self._workers, self._told, self._looked = workers, False, time.monotonic()

    def wait(self, token: CancelToken) -> Generator[Notice, None, None]:
        """Wait for the first one."""
        while not self._workers.count():
            yield from self._tell()
            token.raise_if_cancelled()
            time.sleep(_LOOK_S)
        self._told = False

    def look(self) -> Generator[Notice, None, None]:
        """Tell, every now and then, that there is none any more."""
        if time.monotonic() - self._looked > _ABSENT_S:
            self._looked = time.monotonic()
            if not self._workers.count():
                yield from self._tell()

    def _tell(self) -> Generator[Notice, None, None]:
        if not self._told:
            yield Notice("the scheduler has no workers at the moment; waiting for one")
        self._told = True


@contextmanager
def _marked(setup: Setup) -> Iterator[Setup]:
    """The setup of a run whose mark stands among the results as long as workers should go on."""
    marked = replace(setup, run=uuid4().hex[:12])
    with atomic_path(marked.mark):
        pass
    try:
        yield marked
    finally:
        marked.mark.unlink(missing_ok=True)
