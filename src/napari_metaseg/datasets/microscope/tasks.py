"""Two segmentation tasks with a known answer to "does the metadata help?".

needed
    Nuclei of three physical sizes, S, M and L, one magnification step apart; M alone is annotated.
    A specimen holds M with either S or L. M beside L at one magnification is, pixel for pixel, what
    S beside M is at the next: blur (NA grows with magnification), light per pixel, texture and
    crowding all scale along. Only the magnification tells which of the two sizes is meant.
redundant
    Nuclei of one population, all annotated, at several magnifications: the image says it all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from napari_metaseg.acquisition.cohort import CohortRow, write_cohort
from napari_metaseg.datasets.microscope.files import write_image, write_labels
from napari_metaseg.datasets.microscope.optics import Optics, common_objective
from napari_metaseg.datasets.microscope.render import Rendered, exposure_for, render
from napari_metaseg.datasets.microscope.specimen import Population, Specimen, grow_specimen
from napari_metaseg.errors import InputError

Task = Literal["needed", "redundant"]

TARGET = "medium"
TARGET_RADIUS_UM = 5.0
"""M: nuclei of 10 µm, usual for cultured epithelial and tumour cells."""
SPLIT_SHARES = {"test": 0.25, "val": 0.15}
_WRITERS = 4
_PHOTONS = {"fluorescence": (250.0, 900.0)}
_PHOTONS_TRANSMITTED = (2500.0, 8000.0)


@dataclass(frozen=True)
class Series:
    """One specimen and the magnifications it is imaged at; a series is never split."""

    name: str
    specimen: Specimen
    magnifications: tuple[float, ...]
    split: str


@dataclass(frozen=True)
class Shot:
    """One image to take: what a task's cohort is made of."""

    series: Series
    optics: Optics
    centre_um: tuple[float, float]
    seed: int

    @property
    def name(self) -> str:
        """A file name that says what it shows."""
        return f"{self.series.name}_{self.optics.objective.magnification:g}x"

    def take(self, shape_px: tuple[int, int]) -> Rendered:
        """The image and its labels; the same shot gives the same pixels."""
        return render(
            self.series.specimen, self.optics, shape_px, self.seed, centre_um=self.centre_um
        )


def write_task(
    task: Task,
    folder: Path,
    *,
    images_per_domain: int = 12,
    magnifications: Sequence[float] = (10.0, 20.0, 40.0),
    shape_px: tuple[int, int] = (192, 192),
    seed: int = 0,
    modalities: Sequence[str] = ("fluorescence",),
) -> Path:
    """Write the task's images, labels and `cohort.csv` into `folder`; return the table's path.

    `images_per_domain` counts specimens of each kind per modality. In `redundant` each is imaged at
    every magnification; in `needed` those with L at all but the highest and those with S at all but
    the lowest, so that a middle magnification has twice as many images. About a quarter of the
    specimens is for testing and one in seven for validation. Acquisition metadata is in the files
    alone. The same arguments write the same pixels. Raises `InputError` for a task that does not
    exist, and for `needed` where neighbouring magnifications do not keep one ratio.
    """
    series = plan_series(
        task, images_per_domain, magnifications, shape_px=shape_px, seed=seed, modalities=modalities
    )
    shots = [shot for modality, one in series for shot in plan_shots(one, modality, shape_px, seed)]
    with ThreadPoolExecutor(_WRITERS) as pool:  # rendering goes on while the disk confirms a file
        rows = list(pool.map(lambda shot: write_shot(shot, folder, shape_px), shots))
    write_cohort(rows, folder / "cohort.csv")
    return folder / "cohort.csv"


def plan_series(
    task: Task,
    images_per_domain: int,
    magnifications: Sequence[float],
    *,
    shape_px: tuple[int, int],
    seed: int,
    modalities: Sequence[str],
) -> list[tuple[str, Series]]:
    """The specimens of a task, each with the modality it is imaged in."""
    if task not in get_args(Task):
        raise InputError("no such task", got=repr(task), way_out="Use 'needed' or 'redundant'")
    if images_per_domain < 1:
        raise InputError("images_per_domain must be at least 1", got=images_per_domain)
    ladder = tuple(sorted(float(m) for m in magnifications))
    kinds = (
        _needed_kinds(ladder)
        if task == "needed"
        else {"one-size": (ladder, population_of(TARGET, 1, 0.25))}
    )
    planned = []
    for m, modality in enumerate(modalities):
        for k, (kind, (steps, populations)) in enumerate(kinds.items()):
            for i, split in enumerate(_splits(images_per_domain)):
                specimen = grow_for(populations, steps[0], shape_px, [seed, m, k, i])
                name = f"{modality.replace(' ', '-')}_{kind}_{seed}-{i:02d}"
                planned.append((modality, Series(name, specimen, steps, split)))
    return planned


def plan_shots(series: Series, modality: str, shape_px: tuple[int, int], seed: int) -> list[Shot]:
    """One shot per magnification, the exposure set by the light as a person would set it."""
    shots = []
    for magnification in series.magnifications:
        own = np.random.SeedSequence([seed, int(1000 * magnification), *series.name.encode()])
        rng = np.random.default_rng(own)
        optics = _set_exposure(Optics(common_objective(magnification), modality), rng)
        centre = _find_view(series.specimen, optics.pixel_size_um, shape_px, rng)
        shots.append(Shot(series, optics, centre, int(rng.integers(2**31))))
    return shots


def write_shot(shot: Shot, folder: Path, shape_px: tuple[int, int]) -> CohortRow:
    """Write one image and the labels of its target population; return its cohort row."""
    taken = shot.take(shape_px)
    image = folder / "images" / f"{shot.name}.ome.tif"
    labels = folder / "labels" / f"{shot.name}_labels.ome.tif"
    write_image(image, taken.image, shot.optics)
    write_labels(labels, taken.of(TARGET), shot.optics)
    return CohortRow(
        image, labels, split=shot.series.split, group=shot.series.name, sample=shot.name
    )


def _needed_kinds(
    ladder: tuple[float, ...],
) -> dict[str, tuple[tuple[float, ...], tuple[Population, ...]]]:
    ratios = np.divide(ladder[1:], ladder[:-1])
    if not len(ratios) or ratios.min() <= 1.4 or np.ptp(ratios) > 0.01 * ratios.max():
        raise InputError(
            "the task 'needed' takes magnifications of which each is the same multiple of the last",
            got=", ".join(f"{m:g}" for m in ladder),
            way_out="Use for instance 10, 20, 40",
        )
    step = float(ratios.mean())
    return {
        "with-large": (ladder[:-1], population_of(TARGET, 1) + population_of("large", step)),
        "with-small": (ladder[1:], population_of("small", 1 / step) + population_of(TARGET, 1)),
    }


def population_of(name: str, factor: float, coverage: float = 0.14) -> tuple[Population, ...]:
    """One population, `factor` times the target's size."""
    return (Population(name, TARGET_RADIUS_UM * factor, coverage),)


def grow_for(
    populations: tuple[Population, ...],
    lowest: float,
    shape_px: tuple[int, int],
    seed: Sequence[int],
) -> Specimen:
    """A specimen that fills a field of `shape_px` at the magnification `lowest`, and a margin."""
    number = int(np.random.SeedSequence(list(seed)).generate_state(1)[0])
    margin = 2 * max(p.radius_um for p in populations)
    size = max(shape_px) * Optics(common_objective(lowest)).pixel_size_um + margin
    return grow_specimen(populations, size, number)


def _splits(count: int) -> Iterator[str]:
    tested = max(1, round(count * SPLIT_SHARES["test"])) if count > 1 else 0
    validated = max(1, round(count * SPLIT_SHARES["val"])) if count > 2 else 0
    for i in range(count):
        training = count - tested - validated
        yield "train" if i < training else "val" if i < training + validated else "test"


def _set_exposure(optics: Optics, rng: np.random.Generator) -> Optics:
    low, high = _PHOTONS.get(optics.modality, _PHOTONS_TRANSMITTED)
    photons = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    return replace(optics, exposure_ms=float(f"{exposure_for(optics, photons):.3g}"))


def _find_view(
    specimen: Specimen, pixel_um: float, shape_px: tuple[int, int], rng: np.random.Generator
) -> tuple[float, float]:
    """The centre of a field in which every population is seen, as a person would choose it."""
    half = np.array(shape_px[::-1]) * pixel_um / 2
    freedom = np.maximum(specimen.size_um / 2 - half, 0)
    names = sorted({n.population for n in specimen.nuclei})
    places = np.array([(n.x_um, n.y_um) for n in specimen.nuclei])
    kinds = np.array([n.population for n in specimen.nuclei])
    best, best_count = np.zeros(2), -1
    for centre in rng.uniform(-1, 1, (40, 2)) * freedom:
        seen = kinds[(np.abs(places - centre) < 0.9 * half).all(axis=1)]
        count = min(int((seen == name).sum()) for name in names)
        if count > best_count:
            best, best_count = centre, count
        if count >= 3:
            break
    return float(best[0]), float(best[1])
