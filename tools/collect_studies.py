"""Copy the tables and figures of finished studies into docs/studies, with a page that lists them.

Usage: python tools/collect_studies.py OUT [STUDY ...]    OUT is the --out of `metaseg study`
"""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path

from napari_metaseg.studies.registry import STUDIES

TARGET = Path(__file__).parents[1] / "docs" / "studies"
KEPT = ("runs.csv", "summary.csv", "comparisons.csv", "report.md", "*.png")
HEAD = """\
# Studies

Made by `metaseg study NAME --out DIR`, copied by `python tools/collect_studies.py DIR`. Each folder
has the report, every run with its settings and scores (`runs.csv`), the means (`summary.csv`), the
paired tests (`comparisons.csv`) and the figures. Times are those of two busy CPU cores, one thread
a training. A full run has three seeds; here some have fewer, as the table says.

| study | question | arms | seeds | runs |
|---|---|---:|---|---:|
"""


def collect(out: Path, name: str) -> None:
    """Copy one study's files, replacing those of an earlier run."""
    folder = TARGET / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for pattern in KEPT:
        for path in (out / name).glob(pattern):
            shutil.copy(path, folder / path.name)


def line(name: str) -> str:
    """The study's line of the list."""
    with (TARGET / name / "runs.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    arms = {(row["task"], row["arm"]) for row in rows}
    seeds = sorted({row["seed"] for row in rows})
    runs = {(row["task"], row["arm"], row["seed"]) for row in rows}
    told = f"[{name}]({name}/report.md) | {STUDIES[name].sentence}"
    return f"| {told} | {len(arms)} | {', '.join(seeds)} | {len(runs)} |"


def main(arguments: list[str]) -> None:
    """Copy the studies named, or all that are finished, and list what is there."""
    out = Path(arguments[0])
    names = arguments[1:] or [n for n in STUDIES if (out / n / "runs.csv").exists()]
    for name in names:
        collect(out, name)
    there = [name for name in STUDIES if (TARGET / name / "runs.csv").exists()]
    text = HEAD + "\n".join(line(name) for name in there) + "\n"
    (TARGET / "README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
