"""What a run's folder tells of it later: where it ran, on what planes, and how it went.

Each file is replaced whole. The request and the checkpoint are kept by `checkpoint`.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
import os
import platform
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import torch

from napari_metaseg import __version__
from napari_metaseg.acquisition.condition import domain_label
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.evaluation.curve import curve_png
from napari_metaseg.events import CurvePoint
from napari_metaseg.files import atomic_path

_ENVIRONMENT, _PROVENANCE = "environment.json", "provenance.json"
_CURVE_TABLE, _CURVE_PICTURE = "curve.csv", "curve.png"


def write_environment(
    run: Path, *, device: str, precision: str, threads: int, processes: int = 1
) -> None:
    """Write environment.json: software with the version of every installed package, and hardware.

    `device` is torch's name of it ("cpu", "cuda:0"), `precision` the one in effect, `threads` those
    of each of the `processes`. Of a run that was resumed it tells of the last start.
    """
    told = {
        "napari_metaseg": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": platform.machine(),
        "cpu_count": os.cpu_count(),
        "device": device,
        "device_name": _device_name(device),
        "cuda": torch.version.cuda,
        "precision": precision,
        "threads": threads,
        "processes": processes,
        "packages": _packages(),
    }
    _write_json(run / _ENVIRONMENT, told)


def write_provenance(
    run: Path,
    planes: Mapping[str, Sequence[PlaneItem]],
    *,
    by: Sequence[str] = (),
    notices: Sequence[str] = (),
    resumed: bool = False,
) -> None:
    """Add a start to provenance.json: when, by which command, on which planes.

    `planes` are those of each use ("train", "val"); `by` are the fields that make a domain, else
    those of `domain_label`. A run that is not `resumed` begins the list anew. No version control is
    asked: versions and the hash of the cohort tell the same on any machine.
    """
    every = [item for items in planes.values() for item in items]
    start = {
        "started_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "napari_metaseg": __version__,
        "torch": str(torch.__version__),
        "command": command_line(sys.argv),
        "cohort_sha256": cohort_hash(every),
        "planes": {use: len(items) for use, items in planes.items()},
        "domains": {use: _domains(items, by) for use, items in planes.items()},
        "notices": list(notices),
    }
    path = run / _PROVENANCE
    _write_json(path, {"starts": [*(_starts(path) if resumed else ()), start]})


def write_curve(run: Path, curve: Sequence[CurvePoint], *, picture: bool = True) -> None:
    """Write curve.csv, and curve.png where a `picture` is wanted; an empty curve writes nothing.

    The table has the columns step, loss, score (Dice, mean of the domains) and one for each domain
    in the order in which they came, to six digits; what is undefined is empty.
    """
    if not curve:
        return
    _write(run / _CURVE_TABLE, _curve_table(curve).encode())
    if picture:
        _write(run / _CURVE_PICTURE, curve_png(curve))


def cohort_hash(items: Iterable[PlaneItem]) -> str:
    """One SHA-256 of all planes, whatever their order: equal hashes are equal cohorts."""
    digest = hashlib.sha256()
    for line in sorted(fingerprint(item) for item in items):
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def fingerprint(item: PlaneItem) -> str:
    """What `cohort_hash` knows of a plane, as one line of JSON.

    Covered: name, group and split as the cohort states them, condition, kind of labels, shape
    (C, Y, X), and how bright the plane is and how many pixels each class has, so that other pixels
    or labels hardly go unseen. Not covered: where the files lie. It costs nothing for a plane that
    was surveyed, and is the same on every machine.
    """
    survey = item.surveyed()
    told = {
        "name": item.name,
        "group": item.group,
        "split": item.split,
        "condition": dict(item.condition),
        "label_kind": item.label_kind,
        "shape": survey.shape,
        "levels": [[float(f"{value:.6g}") for value in pair] for pair in survey.levels or ()],
        "class_counts": survey.class_counts,
    }
    return json.dumps(told, sort_keys=True)


def command_line(arguments: Sequence[str]) -> str:
    """The command as a shell takes it, the program without its folder."""
    program, *rest = arguments or [""]
    return shlex.join([Path(program).name, *rest])


def _device_name(device: str) -> str:
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return platform.processor() or platform.machine()


def _packages() -> dict[str, str]:
    """Every installed package with its version; the first of a name is the one that is imported."""
    found: dict[str, str] = {}
    for package in distributions():
        found.setdefault(package.name, package.version)
    return dict(sorted(found.items(), key=lambda pair: pair[0].lower()))


def _domains(items: Sequence[PlaneItem], by: Sequence[str]) -> dict[str, int]:
    """How many planes each domain has, the largest first."""
    labels = (domain_label({**item.facts, **item.condition}, tuple(by)) for item in items)
    return dict(Counter(labels).most_common())


def _starts(path: Path) -> list[Any]:
    """The starts that were written before; none where they cannot be read any more."""
    try:
        starts = json.loads(path.read_text(encoding="utf-8"))["starts"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return starts if isinstance(starts, list) else []


def _curve_table(curve: Sequence[CurvePoint]) -> str:
    domains = list(dict.fromkeys(name for point in curve for name in point.domains))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["step", "loss", "score", *domains])
    for point in curve:
        values = (point.loss, point.score, *(point.domains.get(name) for name in domains))
        table.writerow([point.step, *(None if v is None else round(v, 6) for v in values)])
    return text.getvalue()


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    _write(path, text.encode() + b"\n")


def _write(path: Path, content: bytes) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
