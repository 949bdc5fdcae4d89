"""`metaseg study`: run one of the experiments behind docs/results.md again."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_metaseg.cli.common import add_device, checked, follow, words
from napari_metaseg.events import CancelToken

_DESCRIPTION = """\
Run an experiment and write its table (study.md, study.json). Packages that are already in the
output folder are not trained again, so a stopped study goes on.

  metadata-needed   the virtual microscope: where metadata is needed, and where it is not
  real-cells        real images: threshold, U-Net without and with metadata (needs --cohort)
  focus-series      a real focus series, scored plane by plane (needs --cohort)
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "study",
        help="run an experiment of docs/results.md again",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", help="one of those above")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write into")
    parser.add_argument("--cohort", type=Path, help="the cohort table, where the study needs one")
    parser.add_argument("--seeds", type=words, metavar="A,B", help="seeds (default: 0,1,2)")
    parser.add_argument(
        "--quick", action="store_true", help="see that it runs; figures mean nothing"
    )
    add_device(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, token: CancelToken) -> int:
    """Run the study and print its table."""
    from napari_metaseg.studies.registry import run_study
    from napari_metaseg.studies.study import StudyRequest, markdown_table

    names = ("name", "out", "cohort", "quick", "device")
    values = {name: getattr(arguments, name) for name in names}
    if arguments.seeds:
        values["seeds"] = arguments.seeds
    request = checked(StudyRequest, values)
    rows = follow(run_study(request, token))
    print(markdown_table(rows), end="")
    print(f"Table: {request.out / 'study.md'}")
    return 0
