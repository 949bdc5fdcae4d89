"""Run a command in several processes of this machine that work together (torch's elastic agent)."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_metaseg.errors import Cancelled

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

_SUPERVISED = "METASEG_SUPERVISED"
_SELF = ("-m", "napari_metaseg.cli.main")


def is_launched() -> bool:
    """Whether this process is one of several that a launcher has started."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def is_first() -> bool:
    """Whether this process is the one of several that writes and reports, or is alone."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def told_by_the_launcher() -> Iterator[None]:
    """Within, the loss of another process ends this one silently where `run_in_processes` tells."""
    try:
        yield
    except ConnectionError:
        if _SUPERVISED in os.environ:
            sys.exit(1)
        raise


def run_in_processes(command: Sequence[str], count: int) -> int:
    """Run `metaseg command` in `count` processes and return the exit code of the whole.

    The first process writes to this terminal. When one ends before its time, the others are
    stopped, so that none waits for it. Raises `ConnectionError` that says which one, unless the
    first has told the reason; `Cancelled` once all have stopped on a signal.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    # This process only looks after the others, and the agent tells its own story beside ours.
    logging.disable(logging.CRITICAL)
    os.environ[_SUPERVISED] = "1"
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
    with tempfile.TemporaryDirectory(prefix="metaseg-") as folder:
        quiet = dict.fromkeys(range(1, count), Std.ALL)
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=count,
            run_id=uuid.uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(folder, redirects=quiet),
        )
        try:
            elastic_launch(config, sys.executable)(*_SELF, *command)
        except SignalException:
            raise Cancelled from None
        except ChildFailedError as error:
            return _exit_code(error, count)
    return 0


def _exit_code(error: ChildFailedError, count: int) -> int:
    """The exit code of processes that ended by themselves and have told why; else an error.

    SIGTERM is how the agent stops the others, and says nothing of why.
    """
    stopped = -signal.SIGTERM
    ended = [f.exitcode for f in error.failures.values() if f.exitcode > 0]
    killed = {r: f for r, f in error.failures.items() if f.exitcode < 0 and f.exitcode != stopped}
    if ended and not killed:
        return int(max(ended))
    rank, failure = min((killed or error.failures).items(), key=lambda item: item[1].timestamp)
    how = f"exit code {failure.exitcode}"
    if failure.exitcode < 0:
        how = f"signal {signal.Signals(-failure.exitcode).name}"
    raise ConnectionError(
        f"process {rank + 1} of {count} ended before its time ({how}), and the others were "
        "stopped. The last checkpoint stays: go on with --resume."
    )
