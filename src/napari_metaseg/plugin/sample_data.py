"""Samples to open, made on the spot by the virtual microscope: nothing is downloaded."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from napari_metaseg.acquisition.cohort import CohortRow
from napari_metaseg.acquisition.condition import condition_values, derive_condition, domain_label
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
fluorescence_15x = partial(_open, "fluorescence-15x")
fluorescence_63x = partial(_open, "fluorescence-63x")
focus_series = partial(_open, "brightfield-focus-20x")
phase_contrast = partial(_open, "phase-contrast-20x")


def training_sheet() -> list[LayerTuple]:
    """Sixteen annotated images at three magnifications, side by side at their true sizes."""
    from napari_metaseg.acquisition.cohort import read_cohort
    from napari_metaseg.datasets.microscope.samples import demo_cohort

    rows = read_cohort(demo_cohort(Path(_folder().name) / "sheet", specimens=2))
    _show_all_when_added()
    return contact_sheet(cohort_layers(rows))


def cohort_layers(rows: Sequence[CohortRow]) -> list[list[LayerTuple]]:
    """The layers of each annotated row, named by how it was acquired and by its specimen."""
    letters = {group: chr(ord("A") + i) for i, group in enumerate(_groups(rows))}
    groups = []
    for row in rows:
        if row.labels is not None:
            name = f"{_domain_name(row)} {letters[row.group]}"
            groups.append(annotated_layers(row.image, row.labels, name, row.group))
    return groups


def _groups(rows: Sequence[CohortRow]) -> list[str]:
    return list(dict.fromkeys(row.group for row in rows))


def _domain_name(row: CohortRow) -> str:
    from napari_metaseg.images.open import open_image

    found = condition_values(derive_condition(open_image(row.image).record))
    return domain_label(found, ("modality", "magnification")).replace(" · ", " ")


def _show_all_when_added() -> None:
    """Show the whole sheet: napari itself looks at the first layer alone."""
    import napari
    from qtpy.QtCore import QCoreApplication, QTimer

    viewer = napari.current_viewer()
    if viewer is not None and QCoreApplication.instance() is not None:
        QTimer.singleShot(0, viewer.reset_view)


def annotated_layers(image: Path, labels: Path, name: str, group: str = "") -> list[LayerTuple]:
    """An image and its annotation as layers that belong together; `group` is its specimen."""
    from napari_metaseg.images.open import open_image

    picture = source_layers(open_image(image), name)
    data = source_layers(open_image(labels))[0][0]
    first = picture[0][1]
    entry = {"role": "annotation", "source": name, "axes": first["metadata"][KEY]["axes"]}
    first["metadata"][KEY]["group"] = group
    place = {k: first[k] for k in ("scale", "units", "axis_labels")}
    # A person may paint in an annotation, so its pixels are in memory.
    truth = (
        data.compute(),
        place | {"name": f"{name} annotation", "opacity": 0.4, "metadata": {KEY: entry}},
        "labels",
    )
    return [*picture, truth]


def contact_sheet(groups: list[list[LayerTuple]], columns: int = 4) -> list[LayerTuple]:
    """The layers of several images placed in rows side by side, each at its true physical size.

    Every image keeps its own scale, so that the layers show what a magnification does.
    """
    sizes = [_size(group[0]) for group in groups]
    gap = _GAP * max(width for _, width in sizes)
    placed, y = [], 0.0
    for start in range(0, len(groups), columns):
        x = 0.0
        for group, (_, width) in list(zip(groups, sizes, strict=True))[start : start + columns]:
            placed += [_moved(layer, (y, x)) for layer in group]
            x += width + gap
        y += max(height for height, _ in sizes[start : start + columns]) + gap
    return placed


def _size(layer: LayerTuple) -> tuple[float, float]:
    data, options, _ = layer
    height, width = (n * s for n, s in zip(data.shape[-2:], options["scale"][-2:], strict=True))
    return height, width


def _moved(layer: LayerTuple, at: tuple[float, float]) -> LayerTuple:
    data, options, kind = layer
    zeros: list[Any] = [0.0] * (len(options["scale"]) - 2)
    return data, options | {"translate": [*zeros, *at]}, kind
