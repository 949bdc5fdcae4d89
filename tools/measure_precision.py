"""What bf16 changes on images that a model was not trained on, and whether engines agree.

    python tools/measure_precision.py PACKAGE COHORT.csv [SPLIT]

Predicts the planes of the split (default: those not trained on) in fp32 with PyTorch, and with each
other engine and precision. Prints Markdown: the share of pixels whose class changes, over all
planes and in the worst of them, and the largest difference of a probability.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.datasets.items import load_items
from napari_metaseg.packages.package import load_package
from napari_metaseg.prediction.objects.instances import classes_from_probability
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.score import select_rows

WAYS = {
    "OpenVINO, fp32": ("openvino", "fp32"),
    "OpenVINO, bf16": ("openvino", "bf16"),
    "PyTorch, bf16": ("torch", "bf16"),
}


def main(package_path: str, cohort: str, split: str = "") -> None:
    """Print a line for each way."""
    package = load_package(package_path)
    rows, _ = select_rows(read_cohort(Path(cohort)), split, package.manifest)
    items = load_items(rows)
    exact = Predictor(package, device="cpu", precision="fp32", engine="torch")
    expected = [exact.probability(item.image, item.condition) for item in items]
    pixels = sum(probability[0].size for probability in expected)
    print(f"{len(items)} planes, {pixels / 1e6:.1f} million pixels\n")
    print("| way | pixels changed | worst plane | largest difference |\n|---|---|---|---|")
    for name, (engine, precision) in WAYS.items():
        predictor = Predictor(package, device="cpu", precision=precision, engine=engine)
        changed, largest = [], 0.0
        for item, probability in zip(items, expected, strict=True):
            found = predictor.probability(item.image, item.condition)
            largest = max(largest, float(np.abs(found - probability).max()))
            classes = (classes_from_probability(p) for p in (found, probability))
            changed.append(np.not_equal(*classes))
        total = sum(int(c.sum()) for c in changed) / pixels
        worst = max(float(c.mean()) for c in changed)
        print(f"| {name} | {total:.4%} | {worst:.4%} | {largest:.2g} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
