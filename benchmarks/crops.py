"""Annotated crops from the virtual microscope, as a person would make them, and a field to test on.

Made without PyTorch, so that its import can be timed afterwards.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.datasets.microscope.optics import Optics, common_objective
from napari_metaseg.datasets.microscope.render import Rendered, exposure_for, render
from napari_metaseg.datasets.microscope.tasks import TARGET, grow_for, population_of

CROPS = 4
CROP_PX = 256
FIELD_PX = 512
_BRUSH_RADIUS_PX = 2
_STROKE_PX = 24
_COVERAGE = 0.25

Array = NDArray[Any]


def optics(modality: str) -> Optics:
    """A 20x lens, the exposure set for some hundreds of photons a pixel (thousands if transmitted).

    All crops share it: they are from one session.
    """
    taken = Optics(common_objective(20.0), modality)
    photons = 500.0 if modality == "fluorescence" else 5000.0
    exposure_ms = float(f"{exposure_for(taken, photons):.3g}")
    return Optics(common_objective(20.0), modality, exposure_ms)


def take(modality: str, side_px: int, seed: int) -> tuple[Array, Array]:
    """An image (Y, X) of nuclei and the number of the nucleus at each pixel."""
    populations = population_of(TARGET, 1, _COVERAGE)
    specimen = grow_for(populations, 20.0, (side_px, side_px), [seed])
    taken: Rendered = render(specimen, optics(modality), (side_px, side_px), seed)
    return taken.image, taken.of(TARGET)


def crops(modality: str, seed: int) -> list[tuple[Array, Array]]:
    """The crops to learn from, each of a specimen of its own."""
    return [take(modality, CROP_PX, 1000 * (seed + 1) + i) for i in range(CROPS)]


def field(modality: str, seed: int) -> tuple[Array, Array]:
    """The field that is held out: of a specimen that no crop shows."""
    return take(modality, FIELD_PX, 1000 * (seed + 1) + 500)


def condition(modality: str) -> Condition:
    """What is known of every image."""
    taken = optics(modality)
    return {
        "magnification": taken.objective.magnification,
        "pixel_size_um": taken.pixel_size_um,
        "modality": modality,
        "exposure_ms": taken.exposure_ms,
    }


def scribble(labels: Array, share: float, seed: int) -> Array:
    """Strokes of a round brush that cover `share` of the pixels: 1 on background, 2 on objects.

    Strokes wander and end where they would leave what they are on, one on an object and one beside
    it in turn.
    """
    rng = np.random.default_rng([seed, 3])
    painted = np.zeros(labels.shape, np.uint8)
    inside = {1: ndimage.binary_erosion(labels == 0), 2: ndimage.binary_erosion(labels > 0)}
    value = 2
    while (painted > 0).mean() < share:
        stroke = _stroke(inside[value], rng)
        painted[stroke & ((labels > 0) == (value == 2))] = value
        value = 3 - value
    return painted


def _stroke(allowed: Array, rng: np.random.Generator) -> Array:
    """The pixels of one stroke (Y, X) that keeps its middle on what is allowed."""
    places = np.argwhere(allowed)
    at = places[rng.integers(len(places))].astype(float)
    heading = rng.uniform(0, 2 * np.pi)
    path = np.zeros(allowed.shape, bool)
    height, width = allowed.shape
    for _ in range(_STROKE_PX):
        y, x = np.round(at).astype(int)
        if not (0 <= y < height and 0 <= x < width and allowed[y, x]):
            break
        path[y, x] = True
        heading += rng.normal(0, 0.25)
        at += (np.sin(heading), np.cos(heading))
    away = ndimage.distance_transform_edt(~path)
    return np.asarray(away <= _BRUSH_RADIUS_PX)
