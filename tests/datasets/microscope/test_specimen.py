"""Specimens have the sizes they were asked for, and nuclei keep out of each other."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from napari_metaseg.datasets.microscope.specimen import Population, grow_specimen
from napari_metaseg.errors import InputError

POPULATIONS = (Population("medium", 5.0, 0.14), Population("small", 2.5, 0.1))


def test_the_same_seed_grows_the_same_specimen() -> None:
    assert grow_specimen(POPULATIONS, 120, 3) == grow_specimen(POPULATIONS, 120, 3)
    assert grow_specimen(POPULATIONS, 120, 3) != grow_specimen(POPULATIONS, 120, 4)


def test_radii_follow_the_population() -> None:
    specimen = grow_specimen(POPULATIONS, 300, 0)
    radii = np.log([n.radius_um for n in specimen.nuclei if n.population == "small"])
    assert len(radii) > 100
    assert math.exp(np.median(radii)) == pytest.approx(2.5, rel=0.05)
    assert radii.std() == pytest.approx(0.09, rel=0.25)


def test_coverage_is_about_what_was_asked_for() -> None:
    specimen = grow_specimen(POPULATIONS, 300, 1)
    area = sum(math.pi * n.radius_um**2 for n in specimen.nuclei)
    assert area / 300**2 == pytest.approx(0.24, rel=0.2)


def test_nuclei_touch_but_hardly_overlap() -> None:
    nuclei = grow_specimen(POPULATIONS, 150, 2).nuclei
    gaps = [
        math.hypot(a.x_um - b.x_um, a.y_um - b.y_um) / (a.reach_um + b.reach_um)
        for a, b in itertools.combinations(nuclei, 2)
    ]
    assert min(gaps) >= 0.92
    assert sum(gap < 1.12 for gap in gaps) > len(nuclei) / 10


def test_scaling_multiplies_every_length() -> None:
    specimen = grow_specimen(POPULATIONS, 100, 5, depth_um=1.0, thickness_um=8.0)
    half = specimen.scaled(0.5)
    assert (half.size_um, half.thickness_um) == (50, 4)
    for a, b in zip(specimen.nuclei, half.nuclei, strict=True):
        assert (b.x_um, b.y_um, b.z_um, b.radius_um) == pytest.approx(
            (a.x_um / 2, a.y_um / 2, a.z_um / 2, a.radius_um / 2)
        )


@pytest.mark.parametrize(("size", "radius"), [(0, 5.0), (100, 0.0)])
def test_sizes_must_be_positive(size, radius) -> None:
    with pytest.raises(InputError):
        grow_specimen([Population("a", radius, 0.1)], size, 0)


def test_a_nucleus_of_half_the_radius_is_half_as_bright() -> None:
    nuclei = grow_specimen(POPULATIONS, 300, 0).nuclei
    medium, small = (
        np.median([n.brightness for n in nuclei if n.population == name])
        for name in ("medium", "small")
    )
    assert medium == pytest.approx(1, rel=0.06)
    assert small == pytest.approx(0.5, rel=0.06)
