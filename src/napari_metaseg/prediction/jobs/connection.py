"""Worker processes of dask.distributed: started here, or those of a running scheduler."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from napari_metaseg import __version__
from napari_metaseg.errors import InputError

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

_CONNECT_S = 5
_ALIKE = "Run scheduler and workers in the same environment as this command"
_NO_INTERRUPTS = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""What local workers run first: a Ctrl-C reaches them, too, and it is we who end them."""
_LOGGERS = ("distributed", "distributed.client", "tornado", "tornado.application")


@dataclass(frozen=True)
class Workers:
    """A connection, and how many threads of PyTorch a worker takes (0: as many as it has)."""

    client: Client
    threads: int

    def count(self) -> int:
        """How many there are now. Raises `InputError` where the connection is lost."""
        try:
            return len(self.client.nthreads())
        except OSError:
            raise connection_lost() from None


def connection_lost() -> InputError:
    """The error for a scheduler that is gone."""
    return InputError(
        "the connection to the scheduler was lost", way_out="Start it and this command again"
    )


@contextmanager
def open_workers(count: int, scheduler: str = "") -> Iterator[Workers]:
    """So many processes of this computer, or the workers of the scheduler at an address.

    Raises `InputError` where dask.distributed is not installed, or no scheduler answers there.
    """
    _require_distributed()
    with _quiet(), _connected(scheduler) if scheduler else _local(count) as workers:
        yield workers


def _require_distributed() -> None:
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise InputError(
            "--workers and --scheduler need dask.distributed",
            way_out="Install it: pip install 'napari-metaseg[cluster]'",
        ) from None


@contextmanager
def _connected(address: str) -> Iterator[Workers]:
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
        _check_version(client)
        yield Workers(client, threads=0)


def _check_version(client: Client) -> None:
    """Raise `InputError` where the scheduler, or a worker that is there, has another version."""
    wanted = "napari_metaseg:__version__"
    try:
        there = client.run(resolve_name, wanted)
        there["the scheduler"] = client.run_on_scheduler(resolve_name, wanted)
    except (ImportError, AttributeError) as error:
        raise InputError(
            "the scheduler or a worker cannot use napari-metaseg", got=str(error), way_out=_ALIKE
        ) from None
    other = next((place for place, version in there.items() if version != __version__), None)
    if other is not None:
        what = f"{other} has another napari-metaseg"
        raise InputError(what, got=f"{there[other]}, here {__version__}", way_out=_ALIKE)


async def _reach(address: str) -> None:
    from distributed.comm.core import connect
    from distributed.security import Security

    security = Security().get_connection_args("client")
    comm = await connect(address, timeout=_CONNECT_S, **security)
    await comm.close()


@contextmanager
def _local(count: int) -> Iterator[Workers]:
    import dask
    from distributed import Client

    threads = max(1, dask.system.CPU_COUNT // count)
    with (
        local_cluster(count) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield Workers(client, threads)


@contextmanager
def local_cluster(count: int, threads: int = 1) -> Iterator[LocalCluster]:
    """So many processes, each of so many threads of dask; no other computer is let in.

    Memory is neither rationed nor handed back after each tile, as dask would have it, and the
    variables that it sets for that stay out of this process, too.
    """
    import dask
    from distributed import LocalCluster

    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ": {}}),
        LocalCluster(
            n_workers=count,
            threads_per_worker=threads,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            memory_limit=0,
            preload=[_NO_INTERRUPTS],
            silence_logs=logging.CRITICAL,
        ) as cluster,
    ):
        yield cluster


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
