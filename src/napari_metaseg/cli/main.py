"""Parse the command, run it, and turn what went wrong into one line and an exit code.

Exit codes: 0 done, 2 the caller's fault (one line: what, got, way out), 1 ours, 130 cancelled.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from napari_metaseg import __version__
from napari_metaseg.cli import cohort, demo, evaluate, info, inspect, predict, study, train
from napari_metaseg.cli.common import CALLERS, CANCELLED, OURS
from napari_metaseg.cli.launch import is_launched
from napari_metaseg.cli.parser import CommandParser
from napari_metaseg.errors import Cancelled, InputError
from napari_metaseg.events import CancelToken

_STOPS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what schedulers and launchers send before they end a job."""

_COMMANDS = (demo, info, cohort, train, predict, evaluate, inspect, study)

_DESCRIPTION = """\
Segment microscopy images with U-Nets that know how each image was acquired.

A first look:
  metaseg demo                      train, predict and score on generated samples
  metaseg info image.ome.tif        how an image was taken, as its file says
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        arguments = _parser().parse_args(argv)
    except InputError as error:
        print(f"metaseg: {error}", file=sys.stderr)
        return CALLERS
    except SystemExit as exit_:  # argparse has printed its help
        return exit_.code if isinstance(exit_.code, int) else CALLERS
    arguments.command_line = list(sys.argv[1:] if argv is None else argv)
    try:
        with _stopped_by_signals() as token:
            code: int = arguments.run(arguments, token)
    except InputError as error:
        print(f"metaseg: {error}", file=sys.stderr)
        return CALLERS
    except (Cancelled, KeyboardInterrupt):
        print("metaseg: stopped; what was finished is kept.", file=sys.stderr)
        return CANCELLED
    except BrokenPipeError:
        return OURS
    except OSError as error:
        print(f"metaseg: {error}", file=sys.stderr)
        return OURS
    return code


@contextmanager
def _stopped_by_signals() -> Iterator[CancelToken]:
    """A token that the signals to stop set, while the block runs."""
    token = CancelToken()
    previous = {kind: signal.signal(kind, _stop_once(token)) for kind in _STOPS}
    try:
        yield token
    finally:
        for kind, handler in previous.items():
            signal.signal(kind, handler)


def _stop_once(token: CancelToken) -> Callable[[int, FrameType | None], None]:
    """The first signal asks politely; a second one interrupts at once.

    Not so in one of several processes: its launcher passes on what a scheduler has sent to it, too.
    """

    def handle(_signal: int, _frame: FrameType | None) -> None:
        if token.cancelled and not is_launched():
            raise KeyboardInterrupt
        token.cancel()

    return handle


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog="metaseg",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"napari-metaseg {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_parser(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
