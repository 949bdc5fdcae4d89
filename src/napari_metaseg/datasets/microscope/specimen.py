"""The specimen: nuclei in µm, in populations that may differ in physical size alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.errors import InputError

_TRIES = 400
_NEIGHBOURLY = 0.3
_CLEARANCE = 1.12


@dataclass(frozen=True)
class Population:
    """One kind of nucleus.

    `radius_um` is the median equivalent radius, `spread` the standard deviation of its logarithm;
    `coverage` is the share of the specimen's area that the population fills. `elongation` is the
    range of axis ratios, `roughness` how far the outline strays from an ellipse, `brightness` a
    factor on dye and stain, `grain` the contrast of the chromatin, `nucleoli` the least and the
    largest number of nucleoli.
    """

    name: str
    radius_um: float
    coverage: float
    spread: float = 0.09
    elongation: tuple[float, float] = (1.0, 1.45)
    roughness: float = 0.16
    brightness: float = 1.0
    grain: float = 0.2
    nucleoli: tuple[int, int] = (1, 3)


@dataclass(frozen=True)
class Nucleus:
    """One nucleus, all lengths in µm, angles in radians.

    `waves` are the outline's (order, amplitude, phase): radius(θ) = radius (1 + Σ a cos(kθ + p)) on
    an ellipse of axis ratio `elongation`. `texture` is where its chromatin starts in the specimen's
    pattern, `grain` its contrast; `nucleoli` are (u, v, radius) in units of the nucleus's radius.
    """

    x_um: float
    y_um: float
    z_um: float
    radius_um: float
    elongation: float
    angle: float
    waves: tuple[tuple[int, float, float], ...]
    brightness: float
    texture: tuple[float, float]
    nucleoli: tuple[tuple[float, float, float], ...]
    population: str
    grain: float = 0.2

    @property
    def reach_um(self) -> float:
        """No point of the outline is farther from the centre than this."""
        swell = 1.0 + sum(abs(amplitude) for _, amplitude, _ in self.waves)
        return self.radius_um * math.sqrt(self.elongation) * swell


@dataclass(frozen=True)
class Specimen:
    """Nuclei on a square of `size_um`, centred on (0, 0).

    `thickness_um` is the depth of unsharp material around the focal plane (0: a monolayer without
    haze). `pattern_seed` makes the chromatin pattern that the nuclei share.
    """

    nuclei: tuple[Nucleus, ...]
    size_um: float
    pattern_seed: int = 0
    thickness_um: float = 0.0

    def scaled(self, factor: float) -> Specimen:
        """The same specimen with every length multiplied: its own image at another magnification.

        Population names are kept.
        """
        nuclei = tuple(
            replace(
                n,
                x_um=n.x_um * factor,
                y_um=n.y_um * factor,
                z_um=n.z_um * factor,
                radius_um=n.radius_um * factor,
            )
            for n in self.nuclei
        )
        size, depth = self.size_um * factor, self.thickness_um * factor
        return replace(self, nuclei=nuclei, size_um=size, thickness_um=depth)


def grow_specimen(
    populations: Sequence[Population],
    size_um: float,
    seed: int,
    *,
    depth_um: float = 0.0,
    thickness_um: float = 0.0,
) -> Specimen:
    """Scatter the populations over a square without overlap, some nuclei side by side.

    Radii are log-normal, which sizes of cells and nuclei follow well (Hosoda et al., Phys. Rev. E
    83 (2011) 031118). Stain and dye are equally dense in all and scaled to the largest population,
    as one stains until the thickest nuclei show well; so, seen through its whole thickness, a
    nucleus of half the radius is half as bright. `depth_um` is the standard deviation of the
    nuclei's height. What does not fit after many tries is left out. The same arguments give the
    same specimen.
    """
    if size_um <= 0 or any(p.radius_um <= 0 for p in populations):
        raise InputError("sizes in a specimen must be above 0", got=f"{size_um:g} µm")
    rng = np.random.default_rng(seed)
    drawn = [(p, float(r)) for p in populations for r in _draw_radii(p, size_um, rng)]
    drawn.sort(key=lambda item: -item[1])
    thickest = max((p.radius_um for p in populations), default=1.0)
    placed: list[Nucleus] = []
    for population, radius in drawn:
        nucleus = _shape_nucleus(population, radius, radius / thickest, rng)
        place = _find_place(nucleus.reach_um, placed, size_um, rng)
        if place is not None:
            height = float(rng.normal(0.0, depth_um)) if depth_um else 0.0
            placed.append(replace(nucleus, x_um=place[0], y_um=place[1], z_um=height))
    return Specimen(tuple(placed), size_um, seed, thickness_um)


def _draw_radii(
    population: Population, size_um: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    expected = population.coverage * size_um**2 / (math.pi * population.radius_um**2)
    count = max(1, round(expected * rng.uniform(0.85, 1.15)))
    return population.radius_um * np.exp(rng.normal(0.0, population.spread, count))


def _shape_nucleus(
    population: Population, radius_um: float, thickness: float, rng: np.random.Generator
) -> Nucleus:
    waves = tuple(
        (
            order,
            float(rng.uniform(0.0, population.roughness / order)),
            float(rng.uniform(0, 2 * math.pi)),
        )
        for order in (2, 3, 4, 5)
    )
    fewest, most = population.nucleoli
    nucleoli = tuple(
        (float(0.5 * rng.normal()) * 0.6, float(0.5 * rng.normal()) * 0.6, float(size))
        for size in rng.uniform(0.12, 0.24, rng.integers(fewest, most + 1))
    )
    return Nucleus(
        x_um=0.0,
        y_um=0.0,
        z_um=0.0,
        radius_um=radius_um,
        elongation=float(rng.uniform(*population.elongation)),
        angle=float(rng.uniform(0, math.pi)),
        waves=waves,
        brightness=population.brightness * thickness * float(np.exp(rng.normal(0.0, 0.12))),
        texture=(float(rng.uniform()), float(rng.uniform())),
        nucleoli=nucleoli,
        population=population.name,
        grain=population.grain,
    )


def _find_place(
    reach_um: float, placed: Sequence[Nucleus], size_um: float, rng: np.random.Generator
) -> tuple[float, float] | None:
    half = size_um / 2
    centres = np.array([(n.x_um, n.y_um) for n in placed]).reshape(-1, 2)
    reaches = np.array([n.reach_um for n in placed])
    for _ in range(_TRIES):
        place = rng.uniform(-half, half, 2)
        if placed and rng.uniform() < _NEIGHBOURLY:
            place = _beside(centres, reaches, reach_um, rng)
        if np.abs(place).max() > half:
            continue
        gaps = np.hypot(*(centres - place).T) - 0.92 * (reaches + reach_um)
        if not placed or gaps.min() >= 0:
            return float(place[0]), float(place[1])
    return None


def _beside(
    centres: NDArray[np.float64],
    reaches: NDArray[np.float64],
    reach_um: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    which = rng.integers(len(reaches))
    distance = (reaches[which] + reach_um) * rng.uniform(0.92, _CLEARANCE)
    angle = rng.uniform(0, 2 * math.pi)
    beside: NDArray[np.float64] = centres[which] + distance * np.array(
        [math.cos(angle), math.sin(angle)]
    )
    return beside
