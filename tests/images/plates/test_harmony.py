from __future__ import annotations

import pickle
import time
from itertools import product

import numpy as np
import pytest
import tifffile

from napari_metaseg.acquisition.condition import condition_values, derive_condition
from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_images
from napari_metaseg.images.protocol import WellField
from napari_metaseg.images.without_pixels import has_pixels


def value(field):
    return field.value, field.source


@pytest.mark.parametrize("version", [5, 7])
def test_a_plate_is_one_image_per_well_and_field(harmony, version):
    images = open_images(harmony(version=version))
    assert [image.name for image in images] == [
        "C03 field 1", "C03 field 2", "C04 field 1", "C04 field 2",
    ]  # fmt: skip
    assert [image.scene_index for image in images] == [0, 1, 2, 3]
    assert images[2].position == WellField("Plate 7", "C04", 1)
    assert (images[0].axes, images[0].shape) == ("CZYX", (2, 3, 5, 6))
    assert images[0].dtype == np.uint16


def test_the_index_its_folder_and_the_folder_above_open_the_same_plate(harmony):
    index = harmony()
    for path in (index, index.parent, index.parent.parent):
        images = open_images(path)
        assert {image.path for image in images} == {index}
        assert len(images) == 4


def test_each_plane_is_read_from_its_own_file_and_no_other(harmony, page_reads):
    image = open_images(harmony())[1]
    assert page_reads == []
    assert (image.plane(c=1, z=2) == 2000 + 30 + 2).all()
    assert len(page_reads) == 1
    assert image.dask().compute()[:, :, 0, 0].tolist() == [[1012, 1022, 1032], [2012, 2022, 2032]]


@pytest.mark.parametrize("version", [5, 7])
def test_the_record_has_every_value_in_our_units_with_its_place_and_original(harmony, version):
    record = open_images(harmony(version=version))[0].record
    where = "Images/Image" if version == 5 else "Maps/Map/Entry"
    magnification = record.get("objective_nominal_magnification")
    assert value(magnification) == (20.0, "file")
    assert magnification.path == f"{where}[ChannelID=1]/ObjectiveMagnification"
    assert value(record.get("lens_na")) == (0.8, "file")
    assert value(record.get("pixel_size_x_um")) == (0.29, "file")
    assert record.get("pixel_size_x_um").original == "2.9E-07 m"
    assert value(record.get("pixel_size_z_um")) == (2.0, "inferred")
    assert value(record.get("detector")) == ("Zyla", "file")
    assert value(record.get("microscope")) == ("Phenix", "file")
    assert value(record.get("acquired_at")) == ("2024-06-24T11:48:51.5-04:00", "file")
    second = record.channels[1]
    assert second.name == "Alexa 2"
    assert value(second.get("exposure_time_ms")) == (20.0, "file")
    assert second.get("exposure_time_ms").original == "0.02 s"
    assert value(second.get("excitation_nm")) == (488.0, "file")
    assert value(second.get("binning")) == (2.0, "file")
    assert value(second.get("contrast_method")) == ("Fluorescence", "file")
    assert value(second.get("acquisition_mode")) == ("WideField", "inferred")
    assert second.get("acquisition_mode").original == "NonConfocal"
    assert record.reported == ()


def test_a_height_of_zero_is_the_autofocus_and_may_not_be_the_focus(harmony):
    index = harmony(images=[(1, 1, 1, z, 1) for z in (1, 2, 3)])
    assert open_images(index)[0].record.reported == ()
    index.write_text(index.read_text().replace(">1.0E-06<", ">0<"))
    (notice,) = open_images(index)[0].record.reported
    assert "need not be the focus" in notice.message


def test_a_wavelength_of_0_is_unknown(harmony):
    assert not open_images(harmony())[0].record.channels[0].get("emission_nm").known


def test_each_plane_and_channel_has_its_own_height(harmony):
    record = open_images(harmony())[0].record
    assert [p.position_z_um for p in record.stack(0, 0)] == [-1.0, 1.0, 3.0]
    assert [p.position_z_um for p in record.stack(1, 0)] == [-0.5, 1.5, 3.5]
    assert [value(c.get("z_offset_um")) for c in record.channels] == [
        (0.0, "inferred"), (0.5, "inferred"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "modality"),
    [
        ({"ChannelType": "Brightfield", "IlluminationType": "Transmitted"}, "brightfield"),
        ({"ChannelType": "Phase", "IlluminationType": "Transmitted"}, "phase contrast"),
        ({"ChannelType": "Fluorescence"}, "fluorescence"),
        ({"ChannelType": "", "IlluminationType": "Transmitted"}, None),
    ],
)
def test_the_modality_follows_from_the_channel_type(harmony, settings, modality):
    record = open_images(harmony(settings=settings))[0].record
    assert condition_values(derive_condition(record)).get("modality") == modality


def test_an_exposure_that_differs_within_a_channel_is_each_planes_own(harmony):
    index = harmony(images=[(1, 1, 1, 1, 1), (1, 1, 1, 2, 1)])
    text = index.read_text()
    index.write_text(text.replace(">0.01<", ">0.5<", 1))
    record = open_images(index)[0].record
    assert [p.exposure_time_ms for p in record.planes] == [500.0, 10.0]
    assert not record.channels[0].get("exposure_time_ms").known


def test_what_channels_do_not_agree_on_is_shown(harmony):
    index = harmony(images=[(1, 1, 1, 1, 1), (1, 1, 1, 1, 2)])
    head, _, tail = index.read_text().rpartition(">0.8<")
    index.write_text(f"{head}>0.4<{tail}")
    record = open_images(index)[0].record
    assert record.get("lens_na").value == 0.8
    assert "0.4" in record.reported[0].message


def test_without_pixel_files_the_record_is_whole_and_a_plane_names_its_file(harmony):
    with_files = open_images(harmony(name="Index.xml"))[0]
    assert has_pixels(with_files)
    for file in with_files.path.parent.glob("*.tiff"):
        file.unlink()
    (image, *_) = open_images(with_files.path)
    assert image.record.fields == with_files.record.fields
    assert not has_pixels(image)
    assert "6 of 6 pixel files are not there" in image.record.reported[0].message
    with pytest.raises(InputError, match=r"no file .*r03c03f01p02-ch1sk1fk1fl1\.tiff"):
        image.plane(z=1)


def test_of_a_plate_that_is_not_whole_what_is_there_can_be_seen(harmony):
    index = harmony()
    (index.parent / "r03c03f01p01-ch1sk1fk1fl1.tiff").unlink()
    image = open_images(index)[0]
    assert has_pixels(image)
    assert "1 of 6 pixel files" in image.record.reported[0].message
    assert (image.plane(z=1) == 1021).all()
    with pytest.raises(InputError, match="no file"):
        image.plane(z=0)


def test_planes_that_the_index_leaves_out_are_counted(harmony):
    image = open_images(harmony(images=[(1, 1, 1, 1, 1), (1, 1, 1, 2, 1), (1, 1, 1, 1, 2)]))[0]
    assert image.shape == (2, 2, 5, 6)
    assert "1 of 4 planes have no pixel file" in image.record.reported[0].message
    with pytest.raises(InputError, match="names no pixel file for c = 1, z = 1"):
        image.plane(c=1, z=1)


def test_the_medium_comes_from_the_objective_of_the_exposure_in_the_tiffs_private_tag(harmony):
    index = harmony()
    tag = (
        '<?xml version="1.0"?><TiffImageDescription><KnownObjectives>'
        "<Objective><ID>air</ID><Name>20x Air, NA 0.8</Name><Magnification>20</Magnification>"
        "<NumAperture>0.8</NumAperture><ImmersionRIndex>1</ImmersionRIndex></Objective>"
        "<Objective><ID>wet</ID><Name>20x Water, NA 1.0</Name><Magnification>20</Magnification>"
        "<NumAperture>1</NumAperture><ImmersionRIndex>1.333</ImmersionRIndex></Objective>"
        "</KnownObjectives>{used}</TiffImageDescription>"
    )

    def written(used):
        for file in index.parent.glob("*.tiff"):
            data = tag.format(used=used).encode()
            tifffile.imwrite(
                file, np.zeros((5, 6), np.uint16), extratags=[(65500, 7, len(data), data, True)]
            )
        return open_images(index)[3].record

    record = written("<Exposures><Exposure><Objective>wet</Objective></Exposure></Exposures>")
    assert value(record.get("immersion")) == ("Water", "inferred")
    assert record.get("immersion").original == "20x Water, NA 1.0"
    assert value(record.get("refractive_index")) == (1.333, "file")
    assert value(written("").get("immersion")) == ("Air", "inferred")  # by magnification and NA


@pytest.mark.parametrize("url", ["../../secret.tif", "/etc/passwd", "..\\x.tif", "C:\\x.tif", ".."])
def test_a_name_that_leads_out_of_the_folder_is_refused(harmony, url):
    index = harmony()
    text = index.read_text()
    index.write_text(text.replace("r03c03f01p01-ch1sk1fk1fl1.tiff", url))
    with pytest.raises(InputError, match="outside its own folder"):
        open_images(index)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<ImageSizeX>6", "<ImageSizeX>0"),
        ("<ImageSizeX>6", "<ImageSizeX>-6"),
        ("<ImageSizeX>6", f"<ImageSizeX>{2**40}"),
        ("<Row>3", "<Row>0"),
        ("<Row>3", "<Row>-3"),
        ("<Row>3", "<Row>99999"),
        ("<PlaneID>1", "<PlaneID>one"),
        ("<ChannelID>1", "<ChannelID>"),
        ("<Images>", "<Image>"),
        ("<?xml version", "<!DOCTYPE a [<!ENTITY b 'c'>]><?xml version"),
        ("<Evaluation", "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><Evaluation"),
        ('encoding="utf-8"', 'encoding="klingon"'),
    ],
)
def test_a_damaged_index_is_one_clear_error(harmony, old, new):
    index = harmony()
    index.write_text(index.read_text().replace(old, new))
    with pytest.raises(InputError):
        open_images(index)


def test_an_index_cut_anywhere_is_an_error_and_never_a_smaller_plate(harmony):
    index = harmony(pixels=False)
    whole = index.read_bytes()
    for end in range(200, len(whole) - 1, len(whole) // 97):
        index.write_bytes(whole[:end])
        with pytest.raises(InputError):
            open_images(index)


def test_utf_16_is_read_and_latin_1_that_claims_to_be_utf_8_is_refused(harmony):
    index = harmony()
    text = index.read_text().replace("Plate 7", "Plätte")
    index.write_bytes(text.replace("utf-8", "utf-16").encode("utf-16"))
    assert open_images(index)[0].position.plate == "Plätte"
    index.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="cannot be read as XML"):
        open_images(index)


def test_an_image_goes_to_another_process_without_its_index(harmony):
    index = harmony()
    image = open_images(index)[1]
    index.unlink()
    again = pickle.loads(pickle.dumps(image))  # noqa: S301
    assert (again.plane(z=1) == image.plane(z=1)).all()
    assert (again.name, again.record, again.position) == (image.name, image.record, image.position)


def test_the_original_words_of_a_field_can_be_read(harmony):
    original = open_images(harmony())[0].original_metadata()
    assert original["Plate/Name"] == "Plate 7"
    assert "ImageResolutionX: 2.9E-07 m" in original["Image[0303K1F1P1R1]"]


def test_a_plate_of_384_wells_opens_in_seconds_and_in_little_memory(harmony):
    resource = pytest.importorskip("resource")
    images = [
        (row + 1, column + 1, field, z, c)
        for row, column, field, z, c in product(
            range(16), range(24), range(1, 10), range(1, 6), range(1, 5)
        )
    ]
    index = harmony(images=images, pixels=False)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    opened = open_images(index)
    assert len(opened) == 384 * 9
    assert opened[-1].shape == (4, 5, 5, 6)
    assert time.process_time() - start < 60  # takes about 7 s; a slow machine is no failure
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600_000
