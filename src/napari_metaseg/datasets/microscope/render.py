"""One image, or a focus series, of a specimen: maps, contrast, light, camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.datasets.microscope.camera import Camera, expose
from napari_metaseg.datasets.microscope.contrast import form_image
from napari_metaseg.datasets.microscope.optics import Optics
from napari_metaseg.datasets.microscope.raster import (
    Grid,
    Layer,
    Plane,
    rasterise,
    rasterise_labels,
    samples_per_pixel,
)
from napari_metaseg.datasets.microscope.specimen import Specimen

EMISSION = 1500.0
"""Photons that a full-brightness nucleus emits per µm² and ms: a choice that gives a few hundred
photons per pixel in 40 ms at 20x/0.5, as a bright nuclear stain does."""
TRANSMITTED = 4700.0
"""Photons per µm² and ms that reach the camera through an empty specimen: a choice, some thousands
per pixel in 10 ms at 20x."""


@dataclass(frozen=True)
class Rendered:
    """An image and its ground truth.

    `image` is uint16 (Y, X), or (Z, Y, X) for a focus series; `labels` int32 (Y, X) numbers every
    nucleus 1 + its place in the specimen; `populations` gives each number's population.
    """

    image: NDArray[np.uint16]
    labels: NDArray[np.int32]
    populations: dict[int, str]

    def of(self, population: str) -> NDArray[np.int32]:
        """The labels of that population alone, renumbered from 1 in the same order."""
        chosen = np.array([n for n, name in self.populations.items() if name == population], int)
        renumber = np.zeros(max(self.populations, default=0) + 1, np.int32)
        present = np.intersect1d(chosen, self.labels)
        renumber[present] = np.arange(1, len(present) + 1)
        return renumber[self.labels]


def render(
    specimen: Specimen,
    optics: Optics,
    shape_px: tuple[int, int],
    seed: int,
    *,
    centre_um: tuple[float, float] = (0.0, 0.0),
    camera: Camera | None = None,
) -> Rendered:
    """The image (Y, X) of the part of the specimen around `centre_um`.

    The same arguments give the same pixels.
    """
    stack = render_stack(
        specimen, optics, shape_px, seed, (optics.plane_offset_um,), centre_um, camera
    )
    return replace(stack, image=stack.image[0])


def render_stack(
    specimen: Specimen,
    optics: Optics,
    shape_px: tuple[int, int],
    seed: int,
    offsets_um: Sequence[float],
    centre_um: tuple[float, float] = (0.0, 0.0),
    camera: Camera | None = None,
) -> Rendered:
    """A focus series (Z, Y, X), one plane per signed offset from the specimen's mid-plane."""
    camera = camera or Camera()
    rng = np.random.default_rng([seed, 2])
    pixel_um = optics.pixel_size_um
    margin = _margin_px(optics, offsets_um)
    grid = Grid(pixel_um, shape_px, centre_um, margin, samples_per_pixel(pixel_um))
    layers = rasterise(specimen, grid, bodies=_shows_bodies(specimen, optics, offsets_um))
    lamp = _illumination(shape_px, rng)
    haze = specimen.thickness_um
    planes = [
        expose(
            _photons(layers, replace(optics, plane_offset_um=offset), grid, haze) * lamp,
            camera,
            rng,
        )
        for offset in offsets_um
    ]
    populations = {i: n.population for i, n in enumerate(specimen.nuclei, start=1)}
    return Rendered(np.stack(planes), rasterise_labels(specimen, grid), populations)


def exposure_for(optics: Optics, photons: float) -> float:
    """The exposure in ms at which the brightest plain part of the image has `photons` per pixel."""
    return photons / _photons_per_ms(optics)


def _photons_per_ms(optics: Optics) -> float:
    area = optics.pixel_size_um**2
    if optics.modality == "fluorescence":
        return EMISSION * area * optics.collected
    return TRANSMITTED * area


def _photons(layers: Sequence[Layer], optics: Optics, grid: Grid, haze_um: float) -> Plane:
    relative = form_image(layers, optics, grid.step_um, haze_um)
    return _integrate(relative, grid) * np.float32(_photons_per_ms(optics) * optics.exposure_ms)


def _integrate(fine: Plane, grid: Grid) -> Plane:
    """The mean over each camera pixel, margin cropped off."""
    f, m = grid.factor, grid.margin_px
    rows, columns = grid.shape
    inner = fine[m * f : rows - m * f, m * f : columns - m * f]
    binned = inner.reshape(grid.shape_px[0], f, grid.shape_px[1], f).mean(axis=(1, 3))
    return np.asarray(binned, np.float32)


def _illumination(shape_px: tuple[int, int], rng: np.random.Generator) -> Plane:
    """Uneven lighting: a broad hill somewhere near the middle of the frame, 1 at its top.

    It belongs to the lamp and the camera frame, so it has no scale on the specimen.
    """
    centre, fall = rng.uniform(-0.25, 0.25, 2), rng.uniform(0.1, 0.3)
    y, x = (np.linspace(-0.5, 0.5, n, dtype=np.float32) for n in shape_px)
    square = (y[:, None] - centre[0]) ** 2 + (x[None, :] - centre[1]) ** 2
    return np.asarray(np.exp(-fall * 2 * square), np.float32)


def _shows_bodies(specimen: Specimen, optics: Optics, offsets_um: Sequence[float]) -> bool:
    """Whether the optical path of whole cells shows: in bright field only away from focus."""
    if optics.modality == "brightfield":
        return any(offsets_um) or any(n.z_um for n in specimen.nuclei)
    return optics.modality != "fluorescence"


def _margin_px(optics: Optics, offsets_um: Sequence[float]) -> int:
    """As far as blur reaches into the frame, within reason."""
    widest = max(optics.blur_sigma_um(offset) for offset in offsets_um)
    return int(min(48, 8 + 2.5 * widest / optics.pixel_size_um))
