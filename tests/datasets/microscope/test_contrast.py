"""Each modality shows what it is known for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_metaseg.datasets.microscope.contrast import form_image
from napari_metaseg.datasets.microscope.optics import Objective, Optics, common_objective
from napari_metaseg.datasets.microscope.raster import Grid, rasterise
from napari_metaseg.datasets.microscope.specimen import Nucleus, Specimen

NUCLEUS = Nucleus(0, 0, 0, 5.0, 1.0, 0.0, (), 1.0, (0.1, 0.7), (), "medium")
GRID = Grid(0.325, (128, 128), margin_px=8)
SHAPE = np.hypot(*np.meshgrid(*[np.linspace(-72, 72, 432) * 0.325] * 2)) / 5.0
INSIDE, OUTSIDE = SHAPE < 0.8, (SHAPE > 2.6) & (SHAPE < 3.5)


def image(modality: str, offset_um: float = 0.0, **optics: object) -> np.ndarray:
    base = Optics(common_objective(20), modality, plane_offset_um=offset_um)
    layers = rasterise(Specimen((NUCLEUS,), 60), GRID, bodies=True)
    return form_image(layers, replace(base, **optics), GRID.step_um, 0.0)


def test_nuclei_shine_in_fluorescence_and_absorb_in_bright_field() -> None:
    bright, absorbing = image("fluorescence"), image("brightfield")
    assert bright[INSIDE].mean() > 8 * bright[OUTSIDE].mean()
    assert absorbing[OUTSIDE].mean() == pytest.approx(1, abs=0.01)
    assert absorbing[INSIDE].mean() == pytest.approx(np.exp(-0.8), abs=0.08)


def test_fluorescence_keeps_its_light_out_of_focus() -> None:
    sharp, blurred = image("fluorescence"), image("fluorescence", 8.0)
    assert blurred.sum() == pytest.approx(sharp.sum(), rel=0.01)
    assert blurred.max() < 0.8 * sharp.max()


def test_a_higher_aperture_is_sharper_in_focus_and_blurs_faster() -> None:
    low, high = Objective(20, 0.3), Objective(20, 0.8)

    def steepest(lens: Objective, offset: float) -> float:
        shown = image("fluorescence", offset, objective=lens)
        return float(np.abs(np.gradient(shown, axis=1)).max())

    assert steepest(high, 0.0) > steepest(low, 0.0)
    assert steepest(high, 6.0) < steepest(low, 6.0)


def test_refraction_inverts_its_contrast_with_the_sign_of_defocus() -> None:
    (layer,) = rasterise(Specimen((NUCLEUS,), 60), GRID, bodies=True)
    unstained = replace(layer, stain=np.zeros_like(layer.stain))
    base = Optics(common_objective(20), "brightfield")
    focus, above, below = (
        form_image([unstained], replace(base, plane_offset_um=z), GRID.step_um, 0.0) - 1
        for z in (0.0, 3.0, -3.0)
    )
    assert np.abs(focus).max() < 1e-3
    assert below.max() > 0.03  # a cell is a converging lens
    assert np.corrcoef(above.ravel(), below.ravel())[0, 1] < -0.9


def test_small_defocus_obeys_the_transport_of_intensity() -> None:
    """I(d) - I(-d) = 2 d ∇²(optical path) / n for a weak, slowly varying object, lamp above."""
    y, x = np.meshgrid(*[np.linspace(-72, 72, 432) * 0.325] * 2, indexing="ij")
    path = (0.004 * np.exp(-(x**2 + y**2) / (2 * 6.0**2))).astype(np.float32)
    empty = rasterise(Specimen((), 60), GRID, bodies=False)[0]
    layer = replace(empty, path_um=path)
    base = Optics(Objective(20, 0.5), "brightfield")
    up, down = (
        form_image([layer], replace(base, plane_offset_um=z), GRID.step_um, 0.0)
        for z in (1.0, -1.0)
    )
    laplacian = path * ((x**2 + y**2) / 6.0**4 - 2 / 6.0**2)
    measured, expected = (up - down)[200:232, 200:232], (2 * laplacian)[200:232, 200:232]
    assert measured == pytest.approx(expected, rel=0.1)


def test_phase_contrast_is_dark_with_a_bright_halo() -> None:
    shown = image("phase contrast")
    halo = (SHAPE > 2.0) & (SHAPE < 2.4)
    assert shown[INSIDE].mean() < 0.7
    assert shown[halo].mean() > 1.05


def test_dpc_lights_one_flank_and_shades_the_other() -> None:
    shown = image("DPC")
    x = np.meshgrid(*[np.linspace(-72, 72, 432) * 0.325] * 2)[0] / 5.0
    flank = (SHAPE > 0.8) & (SHAPE < 1.05)
    left, right = shown[flank & (x < -0.6)].mean(), shown[flank & (x > 0.6)].mean()
    assert left > 0.55
    assert right == pytest.approx(1 - left, abs=0.05)
    assert shown[OUTSIDE].mean() == pytest.approx(0.5, abs=0.01)
