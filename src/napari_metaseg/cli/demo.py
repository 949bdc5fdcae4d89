"""`metaseg demo`: the whole main job on generated samples, in napari or without a display."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path

from napari_metaseg.cli.progress import follow
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken

_DESCRIPTION = """\
Show the whole job on images that a virtual microscope makes on the spot: train a small U-Net that
knows the magnification, overlay its prediction, and score it per domain. Takes three to four
minutes on two CPU cores; nothing is downloaded.

With a display napari opens and trains before your eyes. Without one (or with --headless) the same
services run in the terminal and leave a report folder.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "demo",
        help="train, predict and score on generated samples",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--headless", action="store_true", help="do not open napari")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("metaseg-demo"),
        help="the folder to write into (default: metaseg-demo)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="see that it runs, in seconds; the scores mean nothing"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, token: CancelToken) -> int:
    """Open the demo in napari, or run it headless and say where the report is."""
    if not arguments.headless and _has_display():
        return _open_napari(arguments)
    from napari_metaseg.cli.evaluate import print_table
    from napari_metaseg.studies.demo import run_demo

    result = follow(run_demo(arguments.out, token, quick=arguments.quick))
    print_table(result.report)
    print(f"Model: {result.package}")
    print(f"Report: {result.page.resolve()}")
    return 0


def _has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open_napari(arguments: argparse.Namespace) -> int:
    # Named, not imported: the command line must not depend on napari, which stands above it.
    try:
        demo = import_module("napari_metaseg.plugin.demo")
    except ImportError as error:
        raise InputError(
            "napari cannot be opened",
            got=str(error),
            way_out="Run 'pip install napari-metaseg[all]', or use --headless",
        ) from None
    demo.open_demo(arguments.out, quick=arguments.quick)
    return 0
