"""Share the images of a job among worker processes, here or of any dask scheduler."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, Event, Notice, Progress
from napari_metaseg.files import atomic_path
from napari_metaseg.prediction.clock import JobClock
from napari_metaseg.prediction.outcome import Outcome
from napari_metaseg.prediction.plan import ImageTask
from napari_metaseg.prediction.request import PredictionRequest
from napari_metaseg.prediction.setup import Setup
from napari_metaseg.prediction.worker import predict_one, read_answer

if TYPE_CHECKING:
    from distributed import Client, Future

_CONNECT_S, _LOOK_S = 5, 0.1
_RETRIES = 3
_NO_INTERRUPTS = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""What local workers run first: a Ctrl-C reaches them, too, and it is we who end them."""
_LOGGERS = ("distributed", "distributed.client", "tornado", "tornado.application")


@dataclass(frozen=True)
class _Workers:
    """A connection, and how many threads of PyTorch a worker takes (0: as many as it has)."""

    client: Client
    threads: int


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
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        workers = stack.enter_context(_workers(request, len(tasks)))
        setup = stack.enter_context(_marked(setup))
        yield from _wait(workers.client, token)
        yield from _follow(workers, setup, tasks, token)


def _follow(
    workers: _Workers, setup: Setup, tasks: Sequence[ImageTask], token: CancelToken
) -> Generator[Event | Outcome, None, None]:
    clock, done = JobClock(tasks), Queue[Any]()
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
    while left:
        token.raise_if_cancelled()
        try:
            future = done.get(timeout=_LOOK_S)
        except Empty:
            continue
        task = left.pop(future.key)
        yield Outcome(task, _result(task, future))
        yield clock.finish(task)


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
        raise InputError("the connection to the scheduler was lost", way_out="Start the job again")
    error = future.exception()
    if isinstance(error, KilledWorker):
        return InputError(
            f"{task.row.name}: {1 + error.allowed_failures} workers died while they computed it",
            way_out="It may need more memory: take fewer workers, or a smaller --tile-px",
        )
    if isinstance(error, ImportError):
        what = "the workers cannot import what they need"
        raise InputError(what, got=str(error), way_out="Install napari-metaseg where they run")
    raise error


def _wait(client: Client, token: CancelToken) -> Generator[Event, None, None]:
    """Wait until there is a worker: those of a cluster may stand in a queue."""
    told = False
    while not client.nthreads():
        if not told:
            yield Notice("the scheduler has no workers yet; waiting for the first", concerns=False)
        told = True
        token.raise_if_cancelled()
        time.sleep(_LOOK_S)


@contextmanager
def _workers(request: PredictionRequest, images: int) -> Iterator[_Workers]:
    require_distributed()
    if request.scheduler:
        with _connected(request.scheduler) as client:
            yield _Workers(client, threads=0)
    else:
        with _local(min(request.workers or 1, images)) as workers:
            yield workers


def require_distributed() -> None:
    """Raise `InputError` with the way out where dask.distributed is not installed."""
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise InputError(
            "--workers and --scheduler need dask.distributed",
            way_out="Install it: pip install 'napari-metaseg[cluster]'",
        ) from None


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    from distributed import Client

    try:
        asyncio.run(_reach(address))  # a client that never had a connection is slow to give up
    except (OSError, ValueError) as error:
        raise InputError(
            f"no dask scheduler answers at {address}",
            got=str(error).splitlines()[0] if str(error) else type(error).__name__,
            way_out="Give the address that 'dask scheduler' prints, such as tcp://node1:8786",
        ) from None
    with Client(address, timeout=_CONNECT_S, set_as_default=False) as client:
        yield client


async def _reach(address: str) -> None:
    from distributed.comm.core import connect
    from distributed.security import Security

    security = Security().get_connection_args("client")
    comm = await connect(address, timeout=_CONNECT_S, **security)
    await comm.close()


@contextmanager
def _local(count: int) -> Iterator[_Workers]:
    """So many processes that share the cores; they talk on this computer alone."""
    import dask
    from distributed import Client, LocalCluster

    threads = max(1, dask.system.CPU_COUNT // count)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    variables = {"distributed.nanny.pre-spawn-environ": dict.fromkeys(names, threads)}
    with (
        dask.config.set(variables),
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            memory_limit=0,
            preload=[_NO_INTERRUPTS],
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield _Workers(client, threads)


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


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave the terminal to us: what matters is told by outcomes."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
