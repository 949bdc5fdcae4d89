"""A rendered image is reproducible, honest about light, and scale-free as the tasks need it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_metaseg.datasets.microscope.optics import MODALITIES, Optics, common_objective
from napari_metaseg.datasets.microscope.render import exposure_for, render, render_stack
from napari_metaseg.datasets.microscope.specimen import Population, Specimen, grow_specimen

SHAPE = (96, 96)


@pytest.fixture(scope="module")
def specimen() -> Specimen:
    populations = (Population("medium", 5.0, 0.14), Population("large", 10.0, 0.14))
    return grow_specimen(populations, 90, 1)


def optics_at(magnification: float, modality: str = "fluorescence", photons: float = 600) -> Optics:
    optics = Optics(common_objective(magnification), modality)
    return replace(optics, exposure_ms=exposure_for(optics, photons))


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_same_arguments_give_the_same_pixels(specimen, modality) -> None:
    first, again, other = (render(specimen, optics_at(20, modality), SHAPE, s) for s in (1, 1, 2))
    assert (first.image == again.image).all()
    assert (first.image != other.image).any()
    assert (first.labels == other.labels).all()
    assert first.image.dtype == np.uint16
    assert first.image.shape == first.labels.shape == SHAPE


@pytest.mark.parametrize("modality", ["fluorescence", "brightfield"])
def test_half_the_size_at_twice_the_magnification_is_the_same_image(specimen, modality) -> None:
    """Same grid, same blur in pixels, same light: only the metadata tell the two apart."""
    large = render(specimen, optics_at(10, modality), SHAPE, 3)
    small = render(specimen.scaled(0.5), optics_at(20, modality), SHAPE, 3)
    assert (large.labels == small.labels).all()
    assert (large.image != small.image).mean() < 0.01


def test_twice_the_exposure_is_twice_the_light_and_less_noise(specimen) -> None:
    short = render(specimen, optics_at(20, photons=200), SHAPE, 0).image.astype(float) - 100
    long = render(specimen, optics_at(20, photons=400), SHAPE, 0).image.astype(float) - 100
    assert long.mean() == pytest.approx(2 * short.mean(), rel=0.02)


def test_each_plane_of_a_series_is_at_its_own_offset(specimen) -> None:
    optics = optics_at(20, "brightfield", 5000)
    series = render_stack(specimen, optics, SHAPE, 0, (-8.0, 0.0, 8.0))
    sharpness = [np.abs(np.diff(p.astype(float), axis=1)).max() for p in series.image]
    assert series.image.shape == (3, *SHAPE)
    assert sharpness[1] == max(sharpness)
    assert (series.image[0] != series.image[2]).mean() > 0.9


def test_one_population_is_renumbered_without_gaps(specimen) -> None:
    taken = render(specimen, optics_at(10), SHAPE, 0)
    medium, large = taken.of("medium"), taken.of("large")
    assert ((medium > 0) ^ (large > 0) == (taken.labels > 0)).all()
    assert set(np.unique(medium)) == set(range(medium.max() + 1))
    assert not taken.of("absent").any()


def test_an_empty_specimen_renders_an_empty_field() -> None:
    taken = render(Specimen((), 60), optics_at(20), SHAPE, 0)
    assert not taken.labels.any()
    assert taken.image.max() < 400  # background and its noise, where nuclei reach 2000
