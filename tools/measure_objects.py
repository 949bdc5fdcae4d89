"""What it gains to learn rims or depths of objects where nuclei touch.

    python tools/measure_objects.py [STEPS]

Generates crowded fluorescence fields at 10x and 20x, trains the same network on masks, rims and
depths (three seeds, `STEPS` each, default 300), and scores the objects of fields that no network
was trained or chosen on. Prints Markdown.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.datasets.labels import ObjectTarget, convert_labels
from napari_metaseg.datasets.microscope.optics import Optics, common_objective
from napari_metaseg.datasets.microscope.render import render
from napari_metaseg.datasets.microscope.specimen import Population, grow_specimen
from napari_metaseg.evaluation.objects import object_scores
from napari_metaseg.evaluation.overlap import dice
from napari_metaseg.events import CancelToken
from napari_metaseg.packages.package import load_package
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.training.job import train
from napari_metaseg.training.request import TrainingRequest

SEEDS = (0, 1, 2)
SIDE_PX = 192
SQUEEZED = 0.8
"""How near each other nuclei lie, against a culture in which they hardly touch."""
COUNTS = {"train": 6, "val": 2, "test": 6}
"""Specimens; each is imaged at both magnifications."""
MAGNIFICATIONS = (10.0, 20.0)


def make_items(split: str, start: int) -> list[PlaneItem]:
    """The fields of a split, from specimens that no other split has."""
    numbers = range(start, start + COUNTS[split])
    return [make_field(n, m, split) for n in numbers for m in MAGNIFICATIONS]


def make_field(number: int, magnification: float, split: str) -> PlaneItem:
    """One crowded field: its nuclei touch, and some overlap."""
    optics = Optics(common_objective(magnification), "fluorescence", exposure_ms=40.0)
    nuclei = Population("nuclei", 5.0, coverage=0.6)
    size_um = SIDE_PX * optics.pixel_size_um / SQUEEZED + 20
    grown = grow_specimen((nuclei,), size_um, number, depth_um=0.4, thickness_um=10.0)
    nearer = [replace(n, x_um=SQUEEZED * n.x_um, y_um=SQUEEZED * n.y_um) for n in grown.nuclei]
    taken = render(replace(grown, nuclei=tuple(nearer)), optics, (SIDE_PX, SIDE_PX), number)
    name = f"{number} {magnification:g}x"
    return PlaneItem(
        name=name,
        image=taken.image[None].astype(np.float32),
        condition={"magnification": magnification},
        target=convert_labels(taken.of("nuclei"), "instances"),
        group=name,
        split=split,
    )


def instances_of(item: PlaneItem) -> NDArray[np.int32]:
    """The annotated objects."""
    assert item.target is not None
    assert item.target.instances is not None
    return item.target.instances


def train_one(
    objects: ObjectTarget, seed: int, steps: int, items: Sequence[PlaneItem]
) -> Predictor:
    """A small network trained on the fields."""
    request = TrainingRequest(
        objects=objects, seed=seed, steps=steps, width=12, patch_px=96, device="cpu"
    )
    with tempfile.TemporaryDirectory() as folder:
        for _ in train(request, items, Path(folder) / "model", CancelToken()):
            pass
        package = load_package(Path(folder) / "model")
    return Predictor(package, device="cpu", precision="fp32")


def score(predictor: Predictor, items: Sequence[PlaneItem]) -> NDArray[np.float64]:
    """Dice, F1 at IoU 0.5, mean F1 and PQ, each the mean over the fields."""
    rows = []
    for item in items:
        found = predictor.predict_plane(item.image, item.condition)
        assert item.target is not None
        objects = object_scores(instances_of(item), found.labels)
        assert objects is not None
        overlap = dice(item.target.classes, found.classes)
        rows.append((overlap, objects.f1_50, objects.f1_50_95, objects.pq))
    return np.array(rows, float).mean(axis=0)


def main(steps: int) -> None:
    """Print the table, a line for each target."""
    taught = [*make_items("train", 0), *make_items("val", 100)]
    tested = make_items("test", 200)
    truth = [instances_of(item) for item in tested]
    nuclei = sum(len(np.unique(t)) - 1 for t in truth)
    pieces = sum(int(ndimage.label(t > 0)[1]) for t in truth)
    print(f"{len(tested)} fields, {nuclei} nuclei in {pieces} connected pieces, {steps} steps\n")
    print("| objects | Dice | F1@.5 | F1@.5 per seed | mean F1 | PQ | PQ per seed |")
    print("|---|---:|---:|---|---:|---:|---|")
    for objects in get_args(ObjectTarget):
        seen = np.array([score(train_one(objects, s, steps, taught), tested) for s in SEEDS])
        overlap, f1, strict, pq = seen.mean(axis=0)
        each = [" ".join(f"{value:.3f}" for value in seen[:, column]) for column in (1, 3)]
        print(f"| {objects} | {overlap:.3f} | {f1:.3f} | {each[0]} ", end="")
        print(f"| {strict:.3f} | {pq:.3f} | {each[1]} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
