from __future__ import annotations

import numpy as np
import pytest

from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_images
from napari_metaseg.images.protocol import WellField


def value(field):
    return field.value, field.source, field.original


def test_a_measurement_is_one_image_per_well_and_field(yokogawa):
    images = open_images(yokogawa())
    assert [image.name for image in images] == ["B03 field 1", "B04 field 1"]
    assert images[1].position == WellField("Plate Y", "B04", 1)
    assert (images[0].axes, images[0].shape) == ("CZYX", (2, 3, 5, 6))
    assert images[0].dtype == np.uint16


@pytest.mark.parametrize("prefix", ["", "run1_"])
def test_any_of_the_three_files_or_their_folder_opens_it_with_or_without_a_prefix(yokogawa, prefix):
    mlf = yokogawa(prefix=prefix)
    for path in (mlf, mlf.parent, *mlf.parent.glob("*.m*f"), *mlf.parent.glob("*.mes")):
        images = open_images(path)
        assert len(images) == 2
        assert {image.path for image in images} == {mlf}
        assert images[0].record.get("objective_nominal_magnification").value == 20
        assert (images[0].plane(c=1, z=2) == 300 + 30 + 3).all()


def test_the_record_has_what_each_of_the_files_says(yokogawa):
    record = open_images(yokogawa())[0].record
    assert value(record.get("objective_nominal_magnification")) == (20.0, "file", "20")
    assert record.get("objective_nominal_magnification").path == ".mes Channel[Ch=1]/@Magnification"
    assert value(record.get("pixel_size_x_um")) == (0.325, "file", "0.325")
    assert value(record.get("pixel_size_z_um"))[:2] == (2.5, "inferred")
    assert record.get("microscope").value == "CV8000"
    assert record.get("acquired_at").value == "2023-09-18T13:58:41.4+02:00"
    assert not record.get("total_magnification").known
    third = record.channels[1]
    assert third.name == "405nm BP403/45"
    assert value(third.get("exposure_time_ms")) == (300.0, "file", "300")
    assert value(third.get("excitation_nm")) == (405.0, "file", "405")
    assert value(third.get("emission_nm")) == (403.0, "inferred", "BP403/45")
    assert value(third.get("acquisition_mode")) == ("WideField", "inferred", "Fluorescence")
    first = record.channels[0]
    assert value(first.get("contrast_method")) == (
        "Fluorescence", "inferred", "ConfocalFluorescence",
    )  # fmt: skip
    assert first.get("acquisition_mode").value == "SpinningDiskConfocal"
    assert [p.position_z_um for p in record.stack(0, 0)] == [0.0, 2.5, 5.0]


def test_a_relay_that_changes_the_magnification_makes_a_total(yokogawa):
    record = open_images(yokogawa(ratio="0.5"))[0].record
    assert value(record.get("total_magnification")) == (10.0, "inferred", "20 × 0.5")


def test_without_pixel_files_the_record_is_whole(yokogawa):
    image = open_images(yokogawa(pixels=False))[0]
    assert image.shape == (2, 3, 5, 6)
    assert "6 of 6 pixel files are not there" in image.record.reported[0].message
    with pytest.raises(InputError, match=r"no file .*P_B03_T0001F001L01A01Z01C01\.tif"):
        image.plane()


def test_without_settings_the_images_open_and_say_what_is_missing(yokogawa):
    mlf = yokogawa()
    (mlf.parent / "S.mes").unlink()
    (mlf.parent / "MeasurementDetail.mrf").unlink()
    image = open_images(mlf)[0]
    assert (image.plane(z=1) == 321).all()
    assert not image.record.get("objective_nominal_magnification").known
    messages = " ".join(c.message for c in image.record.reported)
    assert "MeasurementDetail.mrf is not there" in messages
    assert ".mes" in messages


def test_settings_without_their_list_of_planes_are_refused(yokogawa):
    mlf = yokogawa()
    mlf.unlink()
    with pytest.raises(InputError, match=r"no \.mlf file beside it"):
        open_images(mlf.parent / "S.mes")


@pytest.mark.parametrize("which", ["MeasurementData.mlf", "MeasurementDetail.mrf", "S.mes"])
def test_a_file_cut_anywhere_is_an_error(yokogawa, which):
    mlf = yokogawa(pixels=False)
    path = mlf.parent / which
    whole = path.read_bytes()
    for end in range(100, len(whole) - 1, len(whole) // 23):
        path.write_bytes(whole[:end])
        with pytest.raises(InputError):
            open_images(mlf)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (">P_B03", ">../../P_B03"),
        ('bts:Row="2"', 'bts:Row="-2"'),
        ('bts:ZIndex="1"', 'bts:ZIndex="x"'),
        ("<bts:MeasurementData ", "<!DOCTYPE a [<!ENTITY b 'c'>]><bts:MeasurementData "),
        ('bts:Type="IMG"', 'bts:Type="ERR"'),
    ],
)
def test_a_damaged_list_is_one_clear_error(yokogawa, old, new):
    mlf = yokogawa()
    mlf.write_text(mlf.read_text().replace(old, new))
    with pytest.raises(InputError):
        open_images(mlf)


def test_the_original_words_can_be_read(yokogawa):
    original = open_images(yokogawa())[0].original_metadata()
    assert "Kind: ConfocalFluorescence" in original[".mes Channel[Ch=1]"]
    assert "HorizontalPixelDimension: 0.325" in original[".mrf MeasurementChannel[Ch=3]"]
