"""From nuclei in µm to fine maps of dye, stain and optical path, and to label images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_metaseg.datasets.microscope.specimen import Nucleus, Specimen

FINEST_NEEDED_UM = 0.25
_TILE = 256
_TEXELS_PER_RADIUS = 40
_BODY = 1.9
_DEPTH_LAYERS = 5

Plane = NDArray[np.float32]
Spectrum = NDArray[np.complex64]


def samples_per_pixel(pixel_um: float) -> int:
    """How finely to sample: odd, at least 3, at most `FINEST_NEEDED_UM` apart."""
    return max(3, 2 * math.ceil((pixel_um / FINEST_NEEDED_UM - 1) / 2) + 1)


@dataclass(frozen=True)
class Grid:
    """Fine samples that cover `shape_px` camera pixels and `margin_px` more on every side.

    `factor` is the number of samples along one camera pixel.
    """

    pixel_um: float
    shape_px: tuple[int, int]
    centre_um: tuple[float, float] = (0.0, 0.0)
    margin_px: int = 8
    factor: int = 3

    @property
    def step_um(self) -> float:
        """Distance between samples."""
        return self.pixel_um / self.factor

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples (Y, X), margin included."""
        rows, columns = ((n + 2 * self.margin_px) * self.factor for n in self.shape_px)
        return rows, columns

    def index_of(self, x_um: float, y_um: float) -> tuple[float, float]:
        """Fractional (row, column) of a point of the specimen."""
        rows, columns = self.shape
        row = (y_um - self.centre_um[1]) / self.step_um + (rows - 1) / 2
        return row, (x_um - self.centre_um[0]) / self.step_um + (columns - 1) / 2


@dataclass(frozen=True)
class Layer:
    """What lies at one height: relative dye, absorbance of the stain, optical path in µm."""

    z_um: float
    dye: Plane
    stain: Plane
    path_um: Plane

    @cached_property
    def dye_spectrum(self) -> Spectrum:
        """`scipy.fft.rfft2` of the dye."""
        return np.asarray(fft.rfft2(self.dye), np.complex64)

    @cached_property
    def stain_spectrum(self) -> Spectrum:
        """`scipy.fft.rfft2` of the stain."""
        return np.asarray(fft.rfft2(self.stain), np.complex64)

    @cached_property
    def path_spectrum(self) -> Spectrum:
        """`scipy.fft.rfft2` of the optical path."""
        return np.asarray(fft.rfft2(self.path_um), np.complex64)


class Patch(NamedTuple):
    """A nucleus's own coordinates on a window of the grid, in units of its radius."""

    window: tuple[slice, slice]
    u: Plane
    v: Plane


def rasterise(specimen: Specimen, grid: Grid, *, bodies: bool) -> tuple[Layer, ...]:
    """The specimen's maps on the grid, one layer per height (at most five, lowest first).

    `bodies` adds the cell around each nucleus to the optical path; fluorescence needs none.
    """
    pattern = chromatin_pattern(specimen.pattern_seed)
    return tuple(
        _raster_layer(z, nuclei, grid, pattern, bodies) for z, nuclei in _by_height(specimen.nuclei)
    )


def rasterise_labels(specimen: Specimen, grid: Grid) -> NDArray[np.int32]:
    """Labels (Y, X) of the camera pixels: 1 + the nucleus's place in `specimen.nuclei`.

    A pixel belongs to the nucleus that its centre lies in.
    """
    grid = replace(grid, factor=1, margin_px=0)
    labels = np.zeros(grid.shape, np.int32)
    for number, nucleus in enumerate(specimen.nuclei, start=1):
        patch = _patch(nucleus, grid, 1.0)
        if patch is not None:
            labels[patch.window][_depth_ratio(nucleus, patch) < 1] = number
    return labels


@lru_cache(maxsize=8)
def chromatin_pattern(seed: int) -> Plane:
    """A periodic pattern (256, 256) of mean 0 and deviation 1: coarse domains and fine grains."""
    rng = np.random.default_rng([seed, 1])
    fy, fx = np.fft.fftfreq(_TILE)[:, None], np.fft.rfftfreq(_TILE)[None, :]
    square = fy**2 + fx**2
    noise = np.fft.rfft2(rng.normal(size=(_TILE, _TILE)))

    def grains(width: float) -> NDArray[np.float64]:
        grain = np.fft.irfft2(noise * np.exp(-2 * (math.pi * width) ** 2 * square))
        normal: NDArray[np.float64] = (grain - grain.mean()) / grain.std()
        return normal

    pattern = 0.6 * grains(6.0) + 0.8 * grains(2.2)
    return np.asarray(pattern / pattern.std(), np.float32)


def _by_height(nuclei: Sequence[Nucleus]) -> list[tuple[float, list[Nucleus]]]:
    heights = np.array([n.z_um for n in nuclei] or [0.0])
    if np.ptp(heights) == 0:
        return [(float(heights[0]), list(nuclei))]
    edges = np.linspace(heights.min(), heights.max(), _DEPTH_LAYERS + 1)[1:-1]
    bins = np.digitize(heights, edges)
    return [
        (
            float(heights[bins == b].mean()),
            [n for n, at in zip(nuclei, bins, strict=True) if at == b],
        )
        for b in np.unique(bins)
    ]


def _raster_layer(
    z_um: float, nuclei: Sequence[Nucleus], grid: Grid, pattern: Plane, bodies: bool
) -> Layer:
    dye, stain, path = (np.zeros(grid.shape, np.float32) for _ in range(3))
    for nucleus in nuclei:
        if bodies:
            _add_body(nucleus, grid, pattern, path)
    for nucleus in nuclei:
        patch = _patch(nucleus, grid, 1.0)
        if patch is not None:
            _add_nucleus(nucleus, patch, pattern, dye, stain, path)
    return Layer(z_um, dye, stain, path)


def _add_nucleus(
    nucleus: Nucleus, patch: Patch, pattern: Plane, dye: Plane, stain: Plane, path: Plane
) -> None:
    ratio = _depth_ratio(nucleus, patch)
    thickness = np.sqrt(np.maximum(0, 1 - ratio**4), dtype=np.float32)
    chromatin = 1 + np.float32(nucleus.grain) * _look_up(pattern, nucleus, patch)
    holes = np.zeros_like(thickness)
    for u, v, size in nucleus.nucleoli:
        holes += np.exp(-((patch.u - u) ** 2 + (patch.v - v) ** 2) / (size**2))
    holes = np.minimum(holes, 1)
    filled: Plane = np.maximum(chromatin * (1 - 0.55 * holes), 0.1) * thickness
    filled *= nucleus.brightness
    np.maximum(dye[patch.window], filled, out=dye[patch.window])
    np.maximum(stain[patch.window], filled, out=stain[patch.window])
    path[patch.window] += _NUCLEUS_PATH * nucleus.radius_um * thickness * (1 + 0.6 * holes)


_NUCLEUS_PATH = 0.008
"""Optical path per radius: nuclei differ little from cytoplasm (Δn ≈ 0.01, Schürmann et al.,
J. Biophotonics 9 (2016) 1068) and are somewhat flatter than wide."""
_BODY_PATH = 0.018
"""Optical path per radius: Δn ≈ 0.03 of cytoplasm against medium on a flattened cell."""


def _add_body(nucleus: Nucleus, grid: Grid, pattern: Plane, path: Plane) -> None:
    patch = _patch(nucleus, grid, _BODY)
    if patch is None:
        return
    ratio = _depth_ratio(nucleus, patch) / _BODY
    dome = np.maximum(0, 1 - ratio**2)
    grains = 1 + 0.04 * _look_up(pattern, nucleus, patch)
    body = np.asarray(_BODY_PATH * nucleus.radius_um * dome * grains, np.float32)
    np.maximum(path[patch.window], body, out=path[patch.window])


def _patch(nucleus: Nucleus, grid: Grid, stretch: float) -> Patch | None:
    row, column = grid.index_of(nucleus.x_um, nucleus.y_um)
    reach = stretch * nucleus.reach_um / grid.step_um + 1
    top, bottom = max(0, math.floor(row - reach)), min(grid.shape[0], math.ceil(row + reach) + 1)
    left, right = (
        max(0, math.floor(column - reach)),
        min(grid.shape[1], math.ceil(column + reach) + 1),
    )
    if top >= bottom or left >= right:
        return None
    scale = grid.step_um / nucleus.radius_um
    y = ((np.arange(top, bottom) - row) * scale).astype(np.float32)[:, None]
    x = ((np.arange(left, right) - column) * scale).astype(np.float32)[None, :]
    cos, sin = math.cos(nucleus.angle), math.sin(nucleus.angle)
    stretch_u = np.float32(1 / math.sqrt(nucleus.elongation))
    u, v = (cos * x + sin * y) * stretch_u, (cos * y - sin * x) / stretch_u
    window = (slice(top, bottom), slice(left, right))
    return Patch(window, np.asarray(u, np.float32), np.asarray(v, np.float32))


def _depth_ratio(nucleus: Nucleus, patch: Patch) -> Plane:
    """Distance from the centre over the outline's distance in that direction (1 on the outline)."""
    distance = np.sqrt(patch.u**2 + patch.v**2) + np.float32(1e-6)
    direction = (patch.u + np.complex64(1j) * patch.v) / distance
    outline = np.ones_like(distance)
    power = direction
    for _, amplitude, phase in nucleus.waves:
        power = power * direction
        outline += amplitude * (math.cos(phase) * power.real - math.sin(phase) * power.imag)
    return np.asarray(distance / outline, np.float32)


def _look_up(pattern: Plane, nucleus: Nucleus, patch: Patch) -> Plane:
    rows = ((patch.v + 8) * _TEXELS_PER_RADIUS + nucleus.texture[0] * _TILE).astype(np.int32)
    columns = ((patch.u + 8) * _TEXELS_PER_RADIUS + nucleus.texture[1] * _TILE).astype(np.int32)
    return pattern[rows % _TILE, columns % _TILE]
