"""Samples to open, made on the spot by the virtual microscope: nothing is downloaded."""

from __future__ import annotations

import tempfile
from functools import cache, partial
from pathlib import Path
from typing import Any

from napari_metaseg.plugin.layers import KEY
from napari_metaseg.plugin.reader import LayerTuple, source_layers

_GAP = 0.06
"""Between the images of the sheet, as a share of the widest."""


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Where this session's samples lie: pixels are read from there when they are shown."""
    return tempfile.TemporaryDirectory(prefix="metaseg-samples-")


def _open(key: str) -> list[LayerTuple]:
    from napari_metaseg.datasets.microscope.samples import make_sample

    sample = make_sample(key, Path(_folder().name))
    return annotated_layers(sample.image, sample.labels, sample.key)


fluorescence_10x = partial(_open, "fluorescence-10x")
fluorescence_20x = partial(_open, "fluorescence-20x")
fluorescence_40x = partial(_open, "fluorescence-40x")
focus_series = partial(_open, "brightfield-focus-20x")
phase_contrast = partial(_open, "phase-contrast-20x")


def training_sheet() -> list[LayerTuple]:
    """Twelve annotated images at three magnifications, side by side at their true sizes."""
    from napari_metaseg.acquisition.cohort import read_cohort
    from napari_metaseg.datasets.microscope.samples import demo_cohort

    rows = read_cohort(demo_cohort(Path(_folder().name) / "sheet", specimens=2))
    pairs = [(row.image, row.labels) for row in rows if row.labels is not None]
    return contact_sheet([annotated_layers(i, la, i.name.split(".")[0]) for i, la in pairs])


def annotated_layers(image: Path, labels: Path, name: str) -> list[LayerTuple]:
    """An image and its annotation as layers that belong together."""
    from napari_metaseg.images.open import open_image

    picture = source_layers(open_image(image), name)
    data = source_layers(open_image(labels))[0][0]
    first = picture[0][1]
    entry = {"role": "annotation", "source": name, "axes": first["metadata"][KEY]["axes"]}
    place = {k: first[k] for k in ("scale", "units", "axis_labels")}
    # A person may paint in an annotation, so its pixels are in memory.
    truth = (
        data.compute(),
        place | {"name": f"{name} annotation", "opacity": 0.4, "metadata": {KEY: entry}},
        "labels",
    )
    return [*picture, truth]


def contact_sheet(groups: list[list[LayerTuple]], columns: int = 4) -> list[LayerTuple]:
    """The layers of several images placed side by side, each at its true physical size.

    Every image keeps its own scale, so that the layers show what a magnification does.
    """
    cell = max(_width(group[0]) for group in groups) * (1 + _GAP)
    placed = []
    for i, group in enumerate(groups):
        at = (i // columns * cell, i % columns * cell)
        placed += [_moved(layer, at) for layer in group]
    return placed


def _width(layer: LayerTuple) -> float:
    data, options, _ = layer
    return max(n * s for n, s in zip(data.shape[-2:], options["scale"][-2:], strict=True))


def _moved(layer: LayerTuple, at: tuple[float, float]) -> LayerTuple:
    data, options, kind = layer
    zeros: list[Any] = [0.0] * (len(options["scale"]) - 2)
    return data, options | {"translate": [*zeros, *at]}, kind
