"""What a model forgets that goes on with new images, with and without what it learned before.

    python tools/measure_replay.py [--seeds 0 1] [--steps 300]

A model learns cells at 10x and 40x, where their size decides which of them are wanted, and goes on
with 20x alone: with the new images only, with old ones among them, with a frozen encoder. Scored on
fields of all three that were never trained on. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.datasets.items import PlaneItem, load_items
from napari_metaseg.datasets.microscope.tasks import write_task
from napari_metaseg.events import CancelToken
from napari_metaseg.packages.package import load_package
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.training.job import train
from napari_metaseg.training.request import TrainingRequest
from napari_metaseg.training.validation import validate

OLD, NEW = ("10x", "40x"), "20x"
WAYS: Mapping[str, Mapping[str, Any]] = {
    "new images alone": {},
    "a quarter of the patches from old ones": {"replay_share": 0.25},
    "frozen encoder": {"frozen": ("encoder",)},
    "both": {"replay_share": 0.25, "frozen": ("encoder",)},
}


def main() -> None:
    """Train, score and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()
    found: dict[str, list[Mapping[str, float]]] = {}
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory() as folder:
            for way, scores in _seed(Path(folder), seed, arguments.steps).items():
                found.setdefault(way, []).append(scores)
    print("| the model | 10x (old) | 40x (old) | 20x (new) |\n|---|---:|---:|---:|")
    for way, runs in found.items():
        cells = [_cell([run[domain] for run in runs]) for domain in (*OLD, NEW)]
        print(f"| {way} | {' | '.join(cells)} |")


def _cell(values: Sequence[float]) -> str:
    each = " ".join(f"{value:.3f}" for value in values)
    return f"{statistics.mean(values):.3f} ({each})"


def _seed(folder: Path, seed: int, steps: int) -> dict[str, dict[str, float]]:
    table = write_task("needed", folder / "cohort", images_per_domain=8, seed=seed)
    planes = load_items(read_cohort(table))
    test = [item.loaded() for item in planes if item.split == "test"]
    learned = [item for item in planes if item.split != "test"]
    old = [item for item in learned if _scale(item) in OLD]
    new = [item for item in learned if _scale(item) == NEW]
    common: dict[str, Any] = {"fields": ("magnification",), "seed": seed, "device": "cpu"}
    base = TrainingRequest(steps=steps, **common)
    _run(train(base, old, folder / "base", CancelToken()))
    found = {"before": _scores(folder / "base", test)}
    for number, (way, settings) in enumerate(WAYS.items()):
        more = {"init_from": str(folder / "base"), "learning_rate": 1e-3, **settings}
        request = TrainingRequest(steps=steps // 2, **common, **more)
        replay = old if "replay_share" in settings else ()
        out = folder / f"way{number}"
        _run(train(request, new, out, CancelToken(), replay=replay))
        found[way] = _scores(out, test)
        print(f"seed {seed}, {way}: {found[way]}", flush=True)
    return found


def _scale(item: PlaneItem) -> str:
    return f"{float(item.condition['magnification']):g}x"


def _run(events: Any) -> None:
    for _ in events:
        pass


def _scores(package: Path, test: Sequence[PlaneItem]) -> dict[str, float]:
    predictor = Predictor(load_package(package), device="cpu", precision="fp32")
    return validate(predictor, test, ("magnification",), CancelToken()).domains


if __name__ == "__main__":
    main()
