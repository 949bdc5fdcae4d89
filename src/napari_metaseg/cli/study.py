"""`metaseg study`: run one of the experiments behind the recommendations again."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from napari_metaseg.cli.common import add_device, checked, words
from napari_metaseg.cli.progress import follow
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken

if TYPE_CHECKING:
    from napari_metaseg.studies.registry import StudyResult

_DESCRIPTION = """\
Run an experiment and write its report: DIR/NAME/report.md and report.html, runs.csv, summary.csv,
comparisons.csv and figures. What is finished is kept, so a stopped study goes on; several processes
with different --seeds may share one DIR. `metaseg study --list` names every study and its question.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "study",
        help="run an experiment behind the recommendations again",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="the study, as --list names it")
    parser.add_argument("--list", action="store_true", help="name every study and its question")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the folder to write into")
    parser.add_argument(
        "--cohort",
        type=Path,
        metavar="TABLE",
        help="the cohort table of the studies of real images; the others make their own images",
    )
    parser.add_argument(
        "--seeds",
        type=words,
        metavar="A,B",
        help="train every arm once with each of these seeds (default: 0,1,2)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="few images and steps: see that it runs; its numbers mean nothing",
    )
    add_device(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, token: CancelToken) -> int:
    """List the studies, or run one and say what it found."""
    from napari_metaseg.studies.registry import STUDIES, run_study
    from napari_metaseg.studies.study import StudyRequest

    if arguments.list:
        width = max(map(len, STUDIES))
        print("\n".join(f"{name:{width}}  {study.sentence}" for name, study in STUDIES.items()))
        return 0
    for option, value in (("NAME", arguments.name), ("--out", arguments.out)):
        if value is None:
            raise InputError(f"{option} is missing", way_out="See metaseg study --help")
    names = ("name", "out", "cohort", "quick", "device")
    values = {name: getattr(arguments, name) for name in names}
    if arguments.seeds:
        values["seeds"] = arguments.seeds
    result = follow(run_study(checked(StudyRequest, values), token))
    print(_found(result), end="")
    print(f"Report: {result.report.with_suffix('.html')}")
    return 0


def _found(result: StudyResult) -> str:
    """One line per task and arm: the Dice over all its domains, with its interval."""
    lines = []
    for trial in result.trials:
        last = {row.arm: row for row in trial.rows}
        for row in last.values():
            interval = "" if row.low is None else f" ({row.low:.3f} to {row.high:.3f})"
            dice = "–" if row.dice is None else f"{row.dice:.3f}"
            lines.append(f"{row.task}: {row.arm}: Dice {dice}{interval}, {row.label}\n")
    return "".join(lines)
