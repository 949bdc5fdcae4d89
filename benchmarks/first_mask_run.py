"""One training from the click on, in a fresh process: prints when each preview came and its Dice.

`python -m benchmarks.first_mask_run MODALITY KIND SEED SECONDS`
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import crops
from napari_metaseg.acquisition.cohort import LabelKind
from napari_metaseg.evaluation.overlap import dice
from napari_metaseg.events import CancelToken, CurvePoint, Preview, Progress
from napari_metaseg.plugin.layers import PlaneIndex
from napari_metaseg.plugin.learning import AnnotatedPlane, make_request, train_on_planes
from napari_metaseg.plugin.segmenting import PlaneTask
from napari_metaseg.plugin.settings import Preferences

_SCRIBBLED = 0.05


def main() -> None:
    """Run what the arguments say and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modality")
    parser.add_argument("kind", choices=["instances", "sparse"])
    parser.add_argument("seed", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--init-from")
    parser.add_argument("--keep", type=Path, help="where to leave the model")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(given, given.keep or Path(folder) / "model")))


def run(given: argparse.Namespace, out: Path) -> dict[str, Any]:
    """Train for so many seconds; when each preview came and how good it was."""
    annotated = planes(given.modality, given.kind, given.seed)
    image, truth = crops.field(given.modality, given.seed)
    shown = task("field", image, given.modality)
    assert "torch" not in sys.modules
    click = time.perf_counter()
    told = Told(truth > 0, click)
    token = CancelToken()
    request = make_request(settings(init_from=given.init_from))
    for event in train_on_planes(request, annotated, out, token, shown):
        told.hear(event)
        if time.perf_counter() - click > given.seconds:
            token.cancel()
    return {"previews": told.previews[:-1], "stages": told.stages, "curve": told.curve}


def settings(**changes: Any) -> dict[str, Any]:
    """What the Train widget asks for when nothing in it was changed; on the CPU."""
    return {"minutes": Preferences().minutes, "name": "first mask", "device": "cpu", **changes}


def planes(modality: str, kind: LabelKind, seed: int) -> list[AnnotatedPlane]:
    """The annotated crops as the Train widget hands them over."""
    made = []
    for i, (image, labels) in enumerate(crops.crops(modality, seed)):
        painted = crops.scribble(labels, _SCRIBBLED, i) if kind == "sparse" else labels
        made.append(AnnotatedPlane(task(f"crop {i}", image, modality), painted, kind, f"crop {i}"))
    return made


def task(name: str, image: Any, modality: str) -> PlaneTask:
    """An image in memory as the plane of a layer."""
    everything = (slice(None), slice(None))
    return PlaneTask(name, name, PlaneIndex(), image, everything, crops.condition(modality))


class Told:
    """What a training said, with the seconds since the click.

    `previews` are (step, seconds, Dice on the whole field), the last one that of the model kept.
    """

    def __init__(self, truth: Any, click: float) -> None:
        self._truth, self._click = truth.astype(int), click
        self.previews: list[tuple[int, float, float]] = []
        self.curve: list[tuple[int, float, float]] = []
        self.stages: dict[str, float] = {}

    def hear(self, event: object) -> None:
        """Note one event; the scoring of a preview is no part of its time."""
        now = round(time.perf_counter() - self._click, 2)
        if isinstance(event, Progress):
            self.stages.setdefault(event.message, now)
        elif isinstance(event, CurvePoint) and event.score is not None:
            self.curve.append((event.step, now, round(event.score, 3)))
        elif isinstance(event, Preview):
            score = dice(self._truth, (event.probability[0] >= 0.5).astype(int))
            self.previews.append((event.step, now, round(score or 0.0, 3)))


if __name__ == "__main__":
    main()
