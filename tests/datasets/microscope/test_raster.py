"""What is drawn has the physical size that the specimen states, at any pixel size."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_metaseg.datasets.microscope.raster import (
    Grid,
    chromatin_pattern,
    rasterise,
    rasterise_labels,
    samples_per_pixel,
)
from napari_metaseg.datasets.microscope.specimen import Nucleus, Specimen


def disc(radius_um: float, *, x_um: float = 0.0, y_um: float = 0.0, z_um: float = 0.0) -> Nucleus:
    return Nucleus(x_um, y_um, z_um, radius_um, 1.0, 0.0, (), 1.0, (0.0, 0.0), (), "medium")


@pytest.mark.parametrize("pixel_um", [0.65, 0.325, 0.1625])
def test_a_disc_has_its_physical_area(pixel_um) -> None:
    labels = rasterise_labels(Specimen((disc(5.0),), 40), Grid(pixel_um, (160, 160)))
    assert (labels == 1).sum() * pixel_um**2 == pytest.approx(math.pi * 25, rel=0.03)


def test_a_label_lies_where_the_nucleus_lies() -> None:
    specimen = Specimen((disc(3.0, x_um=8.0, y_um=-4.0),), 40)
    rows, columns = np.nonzero(rasterise_labels(specimen, Grid(0.25, (128, 96))))
    assert columns.mean() - 47.5 == pytest.approx(8.0 / 0.25, abs=0.3)
    assert rows.mean() - 63.5 == pytest.approx(-4.0 / 0.25, abs=0.3)


def test_moving_the_view_moves_the_label_the_other_way() -> None:
    specimen = Specimen((disc(3.0),), 40)
    _, columns = np.nonzero(rasterise_labels(specimen, Grid(0.25, (96, 96), (5.0, 0.0))))
    assert columns.mean() - 47.5 == pytest.approx(-20, abs=0.3)


def test_dye_and_label_cover_the_same_place() -> None:
    specimen = Specimen((disc(5.0, x_um=2.0),), 40)
    grid = Grid(0.325, (96, 96), margin_px=0)
    (layer,) = rasterise(specimen, grid, bodies=False)
    centres = layer.dye[1::3, 1::3] > 0
    assert (centres == (rasterise_labels(specimen, grid) > 0)).mean() > 0.999


def test_a_body_is_wider_than_its_nucleus_and_only_bends_light() -> None:
    grid = Grid(0.325, (96, 96))
    (layer,) = rasterise(Specimen((disc(4.0),), 40), grid, bodies=True)
    assert (layer.path_um > 0).sum() > 2 * (layer.dye > 0).sum()


def test_nuclei_at_several_heights_share_at_most_five_layers() -> None:
    heights = np.linspace(-4, 4, 30)
    nuclei = tuple(disc(0.5, x_um=2.0 * i - 30, z_um=float(z)) for i, z in enumerate(heights))
    layers = rasterise(Specimen(nuclei, 80), Grid(0.325, (32, 220)), bodies=False)
    assert 1 < len(layers) <= 5
    assert [layer.z_um for layer in layers] == sorted(layer.z_um for layer in layers)


@pytest.mark.parametrize("pixel_um", [2.6, 1.3, 0.65, 0.325, 0.1])
def test_sampling_is_fine_enough_and_centred(pixel_um) -> None:
    factor = samples_per_pixel(pixel_um)
    assert factor % 2 == 1
    assert factor >= 3
    assert pixel_um / factor <= 0.25 * 1.0001


def test_chromatin_is_periodic_noise_of_unit_deviation() -> None:
    pattern = chromatin_pattern(3)
    assert pattern.mean() == pytest.approx(0, abs=1e-3)
    assert pattern.std() == pytest.approx(1, rel=1e-3)
    step = np.abs(np.diff(pattern, axis=0)).mean()
    assert np.abs(pattern[0] - pattern[-1]).mean() < 1.5 * step
