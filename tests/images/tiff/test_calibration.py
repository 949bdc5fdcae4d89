from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_metaseg.images.open import open_image
from napari_metaseg.images.tiff.calibration import imagej_fields, pixel_fields
from napari_metaseg.images.tiff.imagej import info_fields

INCH, CM, NONE = 2, 3, 1


def tags(density, unit):
    return {282: (int(density * 1000), 1000), 283: (int(density * 1000), 1000), 296: unit}


@pytest.mark.parametrize("dpi", [1, 72, 96, 150, 300, 600, 1200])
def test_a_print_resolution_is_no_pixel_size(dpi):
    assert pixel_fields(tags(dpi, INCH)) == ({}, ())


def test_a_resolution_without_unit_is_no_pixel_size():
    assert pixel_fields(tags(5000, NONE)) == ({}, ())


@pytest.mark.parametrize("value", [(0, 1_000_000), (1, 0), (0, 0), None, "x"])
def test_an_impossible_resolution_is_no_pixel_size(value):
    assert pixel_fields({282: value, 283: value, 296: CM}) == ({}, ())


def test_a_calibrated_resolution_is_taken_from_the_file():
    fields, notices = pixel_fields(tags(20_000, CM))
    assert fields["pixel_size_x_um"].value == pytest.approx(0.5)
    assert fields["pixel_size_y_um"].source == "file"
    assert fields["pixel_size_x_um"].original == "20000 px/cm"
    assert notices == ()


def test_the_pixel_of_the_cameras_chip_is_left_out_with_a_notice():
    fields, notices = pixel_fields(
        {282: (4294967295, 2770410), 283: (4294967295, 2770410), 296: CM}
    )
    assert fields == {}
    assert "6.45 µm" in notices[0].message


def test_imagej_states_unit_spacing_and_both_sizes(tmp_path):
    path = tmp_path / "ij.tif"
    metadata = {"axes": "ZYX", "unit": "um", "spacing": 1.5}
    data = np.zeros((3, 4, 5), np.uint8)
    tifffile.imwrite(path, data, imagej=True, resolution=(4.0, 2.0), metadata=metadata)
    record = open_image(path).record
    sizes = [record.get(f"pixel_size_{axis}_um").value for axis in "xyz"]
    assert sizes == pytest.approx([0.25, 0.5, 1.5])


@pytest.mark.parametrize(
    ("unit", "um"), [("nm", 0.001), ("mm", 1000.0), ("micron", 1.0), ("\\u00B5m", 1.0)]
)
def test_imagej_units_are_converted(unit, um):
    fields, _ = imagej_fields({282: (2, 1), 283: (2, 1), 296: NONE}, {"unit": unit})
    assert fields["pixel_size_x_um"].value == pytest.approx(0.5 * um)


def test_imagej_without_calibration_has_no_pixel_size(tmp_path):
    path = tmp_path / "ij.tif"
    tifffile.imwrite(path, np.zeros((3, 4, 5), np.uint8), imagej=True, metadata={"axes": "ZYX"})
    assert not open_image(path).record.fields


def test_imagej_in_pixels_has_no_pixel_size():
    assert imagej_fields(tags(3, NONE), {"unit": "pixel", "spacing": 2.0}) == ({}, ())


def test_imagej_without_calibration_tags_keeps_the_rest():
    fields, _ = imagej_fields({282: (0, 1_000_000), 296: NONE}, {"unit": "um", "spacing": 0.5})
    assert {n: f.value for n, f in fields.items()} == {"pixel_size_z_um": 0.5}


def test_info_gives_the_objective_where_it_is_said_once():
    info = (
        "Information|Instrument|Objective|NominalMagnification #1 = 20.0\n"
        "Information|Instrument|Objective|LensNA #1 = 0.8\n"
        "Information|Instrument|Objective|Immersion #1 = Air\n"
        "Information|Image|Other #1 = 7\n"
    )
    fields = info_fields(info)
    assert fields["objective_nominal_magnification"].value == 20.0
    assert fields["lens_na"].value == 0.8
    assert fields["immersion"].value == "Air"


def test_info_that_disagrees_with_itself_is_left_out():
    assert info_fields("a NominalMagnification = 20\nb NominalMagnification = 40") == {}
    assert info_fields("LensNA = 0\nNominalMagnification = none") == {}
