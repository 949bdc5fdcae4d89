"""Sample images to open and look at, and the demo's training cohort: one story, made on the spot.

The story: tumour nuclei of about 10 µm are to be outlined, in cultures where they lie either among
lymphocytes (5 µm) or among giant polyploid cells (20 µm). At the wrong magnification one is easily
taken for the other, by eye and by a network, so the answer is in the metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from napari_metaseg.datasets.microscope.files import write_image, write_labels
from napari_metaseg.datasets.microscope.optics import Optics, common_objective
from napari_metaseg.datasets.microscope.render import exposure_for, render_stack
from napari_metaseg.datasets.microscope.specimen import Population, Specimen, grow_specimen
from napari_metaseg.datasets.microscope.tasks import TARGET, TARGET_RADIUS_UM, write_task
from napari_metaseg.errors import InputError

DEMO_MAGNIFICATIONS = (10.0, 20.0, 40.0)
DEMO_MODALITIES = ("fluorescence", "brightfield")
_FOCUS_OFFSETS_UM = (-9.0, -6.0, -3.0, 0.0, 3.0, 6.0, 9.0)
_SIDE_PX = 384


@dataclass(frozen=True)
class Sample:
    """A sample on disk: its key, what to call it, and its two files."""

    key: str
    title: str
    image: Path
    labels: Path


@dataclass(frozen=True)
class _Recipe:
    title: str
    magnification: float
    modality: str
    beside: str
    photons: float
    offsets_um: tuple[float, ...] = (0.0,)
    side_px: int = _SIDE_PX


_RECIPES: Mapping[str, _Recipe] = {
    "fluorescence-10x": _Recipe(
        "Nuclei, fluorescence 10x (beside giant cells)", 10.0, "fluorescence", "large", 500.0
    ),
    "fluorescence-20x": _Recipe(
        "Nuclei, fluorescence 20x (beside lymphocytes)", 20.0, "fluorescence", "small", 500.0
    ),
    "fluorescence-40x": _Recipe(
        "Nuclei, fluorescence 40x (beside lymphocytes)", 40.0, "fluorescence", "small", 500.0
    ),
    "fluorescence-15x": _Recipe(
        "Unseen magnification: nuclei, fluorescence 15x", 15.0, "fluorescence", "small", 500.0
    ),
    "fluorescence-63x": _Recipe(
        "Unseen magnification: nuclei, fluorescence 63x",
        63.0,
        "fluorescence",
        "small",
        500.0,
        side_px=2 * _SIDE_PX,
    ),
    "brightfield-focus-20x": _Recipe(
        "Focus series, brightfield 20x, -9 to +9 µm",
        20.0,
        "brightfield",
        "small",
        5000.0,
        _FOCUS_OFFSETS_UM,
    ),
    "phase-contrast-20x": _Recipe(
        "Cells, phase contrast 20x", 20.0, "phase contrast", "small", 5000.0
    ),
}

SAMPLE_TITLES: Mapping[str, str] = MappingProxyType({k: r.title for k, r in _RECIPES.items()})
"""Every sample's key and title, in the order to show them."""


def make_samples(folder: Path, *, seed: int = 7) -> tuple[Sample, ...]:
    """Write every sample into `folder` (a few seconds) and say where each is."""
    return tuple(make_sample(key, folder, seed=seed) for key in _RECIPES)


def make_sample(key: str, folder: Path, *, seed: int = 7) -> Sample:
    """Write one sample: an OME-TIFF, 384 px square, and the labels of its tumour nuclei.

    The focus series is (Z, Y, X) with the signed offset of each plane in its metadata; its labels
    repeat on every plane. The samples share one specimen of each kind, so the 40x image lies within
    the 20x one. Those at 15x and 63x (768 px) are to try a model beyond what the others teach it.
    Raises `InputError` for an unknown key.
    """
    if key not in _RECIPES:
        raise InputError("no such sample", got=repr(key), way_out=f"Use {', '.join(_RECIPES)}")
    recipe = _RECIPES[key]
    optics = Optics(common_objective(recipe.magnification), recipe.modality)
    optics = replace(optics, exposure_ms=float(f"{exposure_for(optics, recipe.photons):.3g}"))
    specimen = _culture(recipe.beside, seed)
    taken = render_stack(
        specimen, optics, (recipe.side_px, recipe.side_px), seed, recipe.offsets_um
    )
    labels, image = taken.of(TARGET), taken.image
    if len(recipe.offsets_um) > 1:
        labels = np.repeat(labels[None], len(image), axis=0)
    else:
        image = image[0]
    sample = Sample(key, recipe.title, folder / f"{key}.ome.tif", folder / f"{key}_labels.ome.tif")
    write_image(sample.image, image, optics, recipe.offsets_um)
    write_labels(sample.labels, labels, optics)
    return sample


def demo_cohort(folder: Path, seed: int = 0, *, specimens: int = 10) -> Path:
    """Write the demo's cohort: tumour nuclei in fluorescence and bright field at 10x, 20x and 40x.

    With 10 `specimens` of each kind that is 80 images of 192 px (six specimens in ten train, two
    validate, two test), in about 10 s. Returns the path of `cohort.csv`.
    """
    return write_task(
        "needed",
        folder,
        images_per_domain=specimens,
        magnifications=DEMO_MAGNIFICATIONS,
        seed=seed,
        modalities=DEMO_MODALITIES,
    )


def _culture(beside: str, seed: int) -> Specimen:
    factor = {"small": 0.5, "large": 2.0}[beside]
    populations = (
        Population(TARGET, TARGET_RADIUS_UM, coverage=0.14),
        Population(beside, TARGET_RADIUS_UM * factor, coverage=0.12),
    )
    size_um = 330.0 if beside == "large" else 180.0
    return grow_specimen(populations, size_um, seed, depth_um=0.4, thickness_um=10.0)
