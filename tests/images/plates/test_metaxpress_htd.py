from __future__ import annotations

import pickle

import numpy as np
import pytest

from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord, Field, PlaneRecord
from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_images
from napari_metaseg.images.protocol import WellField
from napari_metaseg.images.without_pixels import has_pixels
from napari_metaseg.images.write import write_ome_tiff


def test_a_plate_is_one_image_per_well_and_site(htd):
    images = open_images(htd())
    assert [image.name for image in images] == [
        "B02 site 1", "B02 site 2", "B03 site 1", "B03 site 2",
    ]  # fmt: skip
    assert images[1].position == WellField("plate", "B02", 2)
    assert (images[0].axes, images[0].shape) == ("TCYX", (2, 2, 5, 6))
    assert [channel.name for channel in images[0].record.channels] == ["DAPI", "FITC"]
    assert open_images(images[0].path.parent)[3].name == "B03 site 2"


def test_time_points_stand_in_folders_and_thumbnails_are_passed_over(htd):
    image = open_images(htd())[1]
    assert (image.plane(c=0, t=1) == 121).all()
    assert (image.plane(c=1, t=0) == 22).all()
    assert image.plane().shape == (5, 6)


def test_a_channel_that_was_not_taken_at_each_time_point_says_so(htd):
    image = open_images(htd())[0]
    assert "1 of 4 planes have no TIFF file" in image.record.reported[0].message
    with pytest.raises(InputError, match="names no pixel file for c = 1, z = 0, t = 1"):
        image.plane(c=1, t=1)


def test_without_pixel_files_wells_sites_and_wavelengths_are_known_and_sizes_are_not(htd):
    image = open_images(htd(pixels=False))[2]
    assert (image.axes, image.shape) == ("TC", (2, 2))
    assert not has_pixels(image)
    assert [channel.name for channel in image.record.channels] == ["DAPI", "FITC"]
    assert "4 of 4 planes have no TIFF file" in image.record.reported[0].message
    with pytest.raises(InputError):
        image.plane()


def test_the_record_is_that_of_the_tiffs(htd):
    index = htd(times=1)
    for wave, exposure, z in ((1, 15.0, 100.5), (2, 40.0, 101.5)):
        record = AcquisitionRecord(
            {"objective_nominal_magnification": Field(20.0, "file")},
            (ChannelRecord("of the file", {"exposure_time_ms": Field(exposure, "file")}),),
            (PlaneRecord(0, 0, 0, z),),
        )
        path = index.parent / "TimePoint_1" / f"plate_B02_s1_w{wave}.tif"
        write_ome_tiff(path, np.zeros((5, 6), np.uint16), "YX", record)
    record = open_images(index)[0].record
    assert record.get("objective_nominal_magnification").value == 20
    assert [c.get("exposure_time_ms").value for c in record.channels] == [15.0, 40.0]
    assert [c.name for c in record.channels] == ["DAPI", "FITC"]
    assert [p.position_z_um for p in record.planes] == [100.5, 101.5]


def test_a_damaged_tiff_is_a_notice_in_the_record(htd):
    index = htd(times=1)
    (index.parent / "TimePoint_1" / "plate_B02_s1_w2.tif").write_bytes(b"II*\0garbage")
    image = open_images(index)[0]
    assert any("plate_B02_s1_w2.tif" in c.message for c in image.record.reported)
    assert image.plane(c=0).any()


def test_a_site_goes_to_another_process(htd):
    image = open_images(htd())[0]
    again = pickle.loads(pickle.dumps(image))  # noqa: S301
    assert np.array_equal(again.plane(), image.plane())
    assert again.record == image.record


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"EndFile"\r\n', b""),
        (b'"TimePoints", 2', b'"TimePoints", -2'),
        (b'"TimePoints", 2', b'"TimePoints", 99999999999999999999'),
        (b'"NWavelengths", 2', b'"NWavelengths", 9999'),
        (b'TRUE, TRUE\r\n"Sites', b'FALSE, FALSE\r\n"Sites'),
    ],
)
def test_a_damaged_index_is_one_clear_error(htd, old, new):
    index = htd()
    data = index.read_bytes()
    assert old in data
    index.write_bytes(data.replace(old, new))
    with pytest.raises(InputError):
        open_images(index)


def test_an_index_cut_anywhere_is_an_error(htd):
    index = htd(pixels=False)
    whole = index.read_bytes()
    for end in range(14, len(whole) - 4, 7):
        index.write_bytes(whole[:end])
        with pytest.raises(InputError):
            open_images(index)


def test_the_original_lines_can_be_read(htd):
    assert open_images(htd())[0].original_metadata()["WaveName2"] == "FITC"
