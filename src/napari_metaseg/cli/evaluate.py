"""`metaseg evaluate`: score a model per acquisition domain."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from napari_metaseg.cli.common import add_device, checked, words
from napari_metaseg.cli.progress import follow
from napari_metaseg.events import CancelToken

if TYPE_CHECKING:
    from napari_metaseg.evaluation.domains import Report

_DESCRIPTION = """\
Predict the annotated rows of a cohort table and score them per acquisition domain (IoU, Dice,
objects), the worst domain first. Writes report.html, report.json, report.csv and figures.

Without --split: the rows of the split 'test' if the table has any, else the rows that the model
was not trained on.

  metaseg evaluate nuclei cohort.csv --out report
  metaseg evaluate nuclei cohort.csv --out report --by modality,magnification --split val
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "evaluate",
        help="score a model per acquisition domain",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("package", metavar="PACKAGE", help="model folder, zip, or installed name")
    parser.add_argument("cohort", type=Path, metavar="COHORT", help="the cohort table (CSV)")
    parser.add_argument("--out", type=Path, required=True, help="the report folder to write")
    parser.add_argument(
        "--by",
        type=words,
        default=(),
        metavar="A,B",
        help="the fields (or columns) that make a domain (default: those the model sees)",
    )
    parser.add_argument("--split", default="", metavar="NAME", help="the rows to score")
    parser.add_argument("--json", action="store_true", help="print the report as JSON, only that")
    add_device(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, token: CancelToken) -> int:
    """Score and write the report."""
    from napari_metaseg.evaluation.report import write_report
    from napari_metaseg.prediction.request import EvaluationRequest
    from napari_metaseg.prediction.score import evaluate_package

    names = ("package", "cohort", "out", "by", "split", "device")
    request = checked(EvaluationRequest, {name: getattr(arguments, name) for name in names})
    result = follow(evaluate_package(request, token), quiet=arguments.json)
    write_report(
        result.report,
        arguments.out,
        title=f"{Path(arguments.package).name} on {arguments.cohort.name}",
        overlays=result.overlays,
    )
    if arguments.json:
        print(json.dumps(result.report.to_json(), indent=1, ensure_ascii=False, allow_nan=False))
    else:
        print_table(result.report)
        print(f"Report: {arguments.out / 'report.html'}")
    return 0


def print_table(report: Report) -> None:
    """Print one line per domain, the worst first, and the mean of them."""
    rows = [(d.label, str(d.n), _score(d.iou), _score(d.dice)) for d in report.domains]
    rows.append(("mean of domains", "", _score(report.macro["iou"]), _score(report.macro["dice"])))
    width = max(len(row[0]) for row in rows)
    print(f"{'domain':<{width}}  {'n':>4}  {'IoU':>5}  {'Dice':>5}")
    for label, n, iou, dice in rows:
        print(f"{label:<{width}}  {n:>4}  {iou:>5}  {dice:>5}")
    for notice in report.notices:
        print(f"note: {notice}")


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
