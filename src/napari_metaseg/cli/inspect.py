"""`metaseg inspect`: what metadata do inside a model, layer by layer, and to its result."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from napari_metaseg.cli.progress import follow
from napari_metaseg.events import CancelToken

if TYPE_CHECKING:
    from napari_metaseg.inspection.result import Inspection

_DESCRIPTION = """\
Look inside a model: each metadata field in turn says something else, while the others stay as the
model's own sample image has them. Shows which layers move, how far, and how much of the result
changes; or that the network ignores the field.

  metaseg inspect nuclei
  metaseg inspect nuclei --out inside     also figures, tables and a page (inside/inspect.html)
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "inspect",
        help="what metadata do inside a model",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("package", metavar="PACKAGE", help="model folder, zip, or installed name")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the folder to write into")
    parser.add_argument("--json", action="store_true", help="print the result as JSON, only that")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, token: CancelToken) -> int:
    """Inspect, write and print."""
    from napari_metaseg.inspection.channels import maps_of_strongest
    from napari_metaseg.inspection.inspect import inspect_package, inspected_sample
    from napari_metaseg.inspection.write import write_inspection
    from napari_metaseg.packages.package import load_package

    package = load_package(arguments.package)
    sample = inspected_sample(package)
    curves = arguments.out is not None or arguments.json
    events = inspect_package(package, sample, token, curves=curves)
    inspection = follow(events, quiet=arguments.json, brief=True)
    if arguments.out is not None:
        maps = maps_of_strongest(package, inspection)
        command = f"metaseg inspect {arguments.package} --out {arguments.out}"
        page = write_inspection(inspection, arguments.out, maps=maps, command=command)
    if arguments.json:
        print(json.dumps(inspection.to_json(), indent=1, ensure_ascii=False, allow_nan=False))
        return 0
    print_table(inspection)
    if arguments.out is not None:
        print(f"Page: {page}")
    else:
        print("Every layer, with figures: add --out DIR")
    return 0


def print_table(inspection: Inspection) -> None:
    """Print one line per field and what follows from it."""
    from napari_metaseg.inspection.verdict import most_moved, percent, verdicts

    print(f"{inspection.package}: strategy {inspection.strategy}, {inspection.method}")
    if inspection.fields:
        lines = [("field", "tried", "mask changes", "if unknown", "features that move most")]
        for report in inspection.fields:
            unknown = percent(report.unknown.mask_changed) if report.unknown else "-"
            change = percent(report.mask_changed)
            lines.append((report.name, _short(report.trained), change, unknown, most_moved(report)))
        widths = [max(len(line[i]) for line in lines) for i in range(4)]
        for line in lines:
            cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
            print("  ".join((*cells, line[4])))
        print()
    for sentence in verdicts(inspection):
        print(sentence)
    for notice in inspection.notices:
        print(f"note: {notice}")


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."
