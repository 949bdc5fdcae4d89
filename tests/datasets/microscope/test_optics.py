"""The optics give the lengths that textbooks give."""

from __future__ import annotations

import math

import pytest

from napari_metaseg.datasets.microscope.optics import Objective, Optics, common_objective
from napari_metaseg.errors import InputError


def test_pixel_size_is_camera_pixel_over_magnification() -> None:
    assert Optics(common_objective(20)).pixel_size_um == pytest.approx(0.325)


@pytest.mark.parametrize(
    ("magnification", "na", "immersion"),
    [(10, 0.25, "Air"), (20, 0.5, "Air"), (40, 1.0, "Water"), (63, 1.4, "Oil")],
)
def test_common_objectives_are_ones_that_exist(magnification, na, immersion) -> None:
    lens = common_objective(magnification)
    assert (lens.na, lens.immersion) == (pytest.approx(na), immersion)
    assert lens.na < lens.refractive_index


def test_focus_blur_is_021_wavelengths_over_na() -> None:
    optics = Optics(common_objective(20), wavelength_um=0.5)
    assert optics.focus_sigma_um == pytest.approx(0.21 * 0.5 / 0.5)


def test_blur_in_pixels_is_the_same_for_10x_20x_and_40x() -> None:
    widths = [o.focus_sigma_um / o.pixel_size_um for o in map(_optics, (10, 20, 40))]
    assert widths == pytest.approx([widths[0]] * 3)


def _optics(magnification: float) -> Optics:
    return Optics(common_objective(magnification))


def test_defocus_spreads_along_the_cone_of_light() -> None:
    optics = Optics(Objective(20, 0.5, "Water", 1.36))  # index of the specimen: no aberration
    expected = 0.5 * 10 * math.tan(math.asin(0.5 / 1.36))
    assert optics.defocus_sigma_um(10) == pytest.approx(expected)
    assert optics.defocus_sigma_um(-10) == pytest.approx(expected)


@pytest.mark.parametrize(("lens", "wider"), [(40, -5), (20, 5), (63, -5)])
def test_an_index_mismatch_blurs_one_side_of_focus_more(lens, wider) -> None:
    if lens == 40:
        optics = Optics(Objective(40, 1.2, "Glycerol", 1.47))
    else:
        optics = Optics(common_objective(lens))
    assert optics.blur_sigma_um(wider) > optics.blur_sigma_um(-wider)


@pytest.mark.parametrize(
    "arguments",
    [
        {"objective": Objective(20, 1.2, "Air", 1.0)},
        {"objective": Objective(20, 0, "Air", 1.0)},
        {"objective": Objective(0, 0.5)},
        {"objective": Objective(20, 0.5), "modality": "x-ray"},
        {"objective": Objective(20, 0.5), "exposure_ms": 0.0},
    ],
)
def test_what_no_microscope_has_is_refused(arguments) -> None:
    with pytest.raises(InputError):
        Optics(**arguments)


def test_modalities_go_by_any_spelling() -> None:
    assert Optics(common_objective(20), "Phase-Contrast").modality == "phase contrast"
