"""CZI: pixels of files that Zeiss's own library writes, records of XML as ZEN writes it."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from napari_metaseg.acquisition.condition import condition_values, derive_condition
from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_image, open_images
from napari_metaseg.images.vendors.czi_file import Subblock
from napari_metaseg.images.vendors.czi_pixels import _decode
from napari_metaseg.images.vendors.czi_record import read_metadata

czi = pytest.importorskip("pylibCZIrw.czi")
RNG = np.random.default_rng(0)


def write(path, tiles, compression="uncompressed:"):
    """A CZI of tiles: (pixels, plane, scene, (x, y))."""
    with czi.create_czi(str(path), exist_ok=True, compression_options=compression) as file:
        for pixels, plane, scene, location in tiles:
            file.write(pixels, plane=plane, scene=scene, location=location)
        file.write_metadata(document_name="d", channel_names={0: "a"}, scale_x=2e-7, scale_y=2e-7)
    return path


def noise(shape, dtype=np.uint16):
    return (RNG.random(shape) * 200).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    "compression",
    [
        "uncompressed:",
        "zstd0:ExplicitLevel=3",
        "zstd1:ExplicitLevel=2",
        "zstd1:ExplicitLevel=2;PreProcess=HiLoByteUnpack",
    ],
)
def test_pixels_come_back_as_they_were_written(tmp_path, dtype, compression):
    pixels = noise((20, 30, 1), dtype)
    plane = {"C": 0, "Z": 0, "T": 0}
    image = open_image(write(tmp_path / "a.czi", [(pixels, plane, 0, (0, 0))], compression))
    assert (image.axes, image.shape, image.dtype) == ("YX", (20, 30), dtype)
    np.testing.assert_array_equal(image.plane(), pixels[..., 0])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colour_is_stored_blue_first_and_offered_red_first(tmp_path, dtype):
    pixels = noise((20, 30, 3), dtype)
    path = write(tmp_path / "rgb.czi", [(pixels, {"C": 0, "Z": 0, "T": 0}, 0, (0, 0))])
    image = open_image(path)
    assert (image.axes, image.shape) == ("YXS", (20, 30, 3))
    np.testing.assert_array_equal(image.plane(), pixels[..., ::-1])


def test_each_scene_is_an_image_and_its_tiles_are_put_together(tmp_path):
    tiles = {
        (scene, z, x): noise((20, 30, 1)) for scene in (0, 1) for z in (0, 1, 2) for x in (0, 25)
    }
    path = write(
        tmp_path / "mosaic.czi",
        [
            (pixels, {"C": 0, "Z": z, "T": 0}, scene, (500 * scene + x, 7))
            for (scene, z, x), pixels in tiles.items()
        ],
    )
    images = open_images(path)
    assert [image.name for image in images] == ["mosaic 0", "mosaic 1"]
    for scene, image in enumerate(images):
        assert (image.axes, image.shape) == ("ZYX", (3, 20, 55))
        plane = image.plane(z=2)
        np.testing.assert_array_equal(plane[:, 25:], tiles[scene, 2, 25][..., 0])
        np.testing.assert_array_equal(plane[:, :25], tiles[scene, 2, 0][:, :25, 0])
        with czi.open_czi(str(path)) as file:
            same = file.read(plane={"C": 0, "Z": 2, "T": 0}, scene=scene)
        np.testing.assert_array_equal(plane, same[..., 0])


def test_jpeg_xr_is_decoded_and_its_size_is_checked():
    imagecodecs = pytest.importorskip("imagecodecs")
    pixels = noise((16, 32))
    raw = bytes(imagecodecs.jpegxr_encode(pixels))
    place = {"X": 0, "Y": 0}
    size = {"X": 32, "Y": 16}
    block = Subblock(64, 0, 1, 4, place, size, size)
    np.testing.assert_array_equal(_decode(raw, block, np.dtype("<u2"), 1)[..., 0], pixels)
    wider = Subblock(64, 0, 1, 4, place, {"X": 64, "Y": 16}, {"X": 64, "Y": 16})
    with pytest.raises(ValueError, match="of another size"):
        _decode(raw, wider, np.dtype("<u2"), 1)


def test_an_image_can_be_sent_to_another_process_and_read_by_several_threads(tmp_path):
    pixels = noise((20, 30, 1))
    plane = {"C": 0, "Z": 0, "T": 0}
    image = open_image(write(tmp_path / "a.czi", [(pixels, plane, 0, (0, 0))]))
    copy = pickle.loads(pickle.dumps(image))  # noqa: S301
    with ThreadPoolExecutor(4) as pool:
        for read in pool.map(lambda _: copy.plane(), range(20)):
            np.testing.assert_array_equal(read, pixels[..., 0])


def test_a_file_that_was_moved_is_no_longer_there(tmp_path):
    path = write(tmp_path / "a.czi", [(noise((4, 6, 1)), {"C": 0, "Z": 0, "T": 0}, 0, (0, 0))])
    image = open_image(path)
    path.rename(tmp_path / "b.czi")
    with pytest.raises(InputError, match="is no longer there"):
        image.plane()


def test_a_cut_or_overwritten_file_is_refused_wherever_it_is_damaged(tmp_path):
    """Zeiss's library ends the process on some of these; padding may be cut without harm."""
    pixels = noise((20, 30, 1))
    raw = write(tmp_path / "a.czi", [(pixels, {"C": 0, "Z": 0, "T": 0}, 0, (0, 0))]).read_bytes()
    cut = [raw[:length] for length in np.linspace(10, len(raw) - 1, 40).astype(int)]
    flipped = [bytearray(raw) for _ in range(200)]
    for copy, place in zip(flipped, RNG.integers(0, len(raw), 200), strict=True):
        copy[place] ^= 0xFF
    refused = 0
    for content in (*cut, *flipped):
        (tmp_path / "damaged.czi").write_bytes(content)
        try:
            assert open_image(tmp_path / "damaged.czi").plane().ndim == 2
        except InputError:
            refused += 1
    assert refused > 40


def metadata(image="", channel="", instrument="", scaling="", hardware=""):
    return (
        "<ImageDocument><Metadata><Information>"
        f"<Image>{image}<Dimensions><Channels><Channel Id='Channel:0' Name='c'>{channel}</Channel>"
        f"</Channels></Dimensions></Image><Instrument>{instrument}</Instrument></Information>"
        f"<Scaling>{scaling}</Scaling><HardwareSetting>{hardware}</HardwareSetting>"
        "</Metadata></ImageDocument>"
    )


def record_of(**parts):
    sizes = {"T": 1, "C": 1, "Z": 1, "Y": 4, "X": 6}
    return read_metadata(metadata(**parts)).record(sizes, alone=True)


OBJECTIVES = (
    "<Objectives><Objective Id='O:1' Name='Plan 20x/0.8'><NominalMagnification>20"
    "</NominalMagnification><LensNA>0.8</LensNA></Objective>{more}</Objectives>"
)
USED = "<ObjectiveSettings><Medium>Water</Medium><ObjectiveRef Id='O:1'/></ObjectiveSettings>"


def test_the_objective_that_the_image_refers_to():
    more = "<Objective Id='O:2'><NominalMagnification>5</NominalMagnification></Objective>"
    record = record_of(instrument=OBJECTIVES.format(more=more), image=USED)
    assert record.get("objective_nominal_magnification").value == 20.0
    assert record.get("lens_na").source == "file"
    assert record.get("immersion").value == "Water"


def test_of_several_objectives_none_is_taken_where_the_image_names_none():
    record = record_of(instrument=OBJECTIVES.format(more="<Objective Id='O:2'/>"))
    assert not record.get("objective_nominal_magnification").known
    assert "not one of the 2 listed" in record.reported[0].message
    only = record_of(instrument=OBJECTIVES.format(more=""))
    assert only.get("objective_nominal_magnification").source == "inferred"


def test_an_objective_whose_name_says_otherwise_is_a_conflict():
    wrong = OBJECTIVES.format(more="").replace("20x", "40x")
    (conflict,) = record_of(instrument=wrong, image=USED).reported
    assert conflict.fields == ("objective_nominal_magnification",)
    assert "'Plan 40x/0.8', but 20 is stated" in conflict.message


def test_tube_lens_and_camera_adapter_count_in_the_total_as_inferred():
    scaling = (
        "<AutoScaling><OptovarMagnification>0.5</OptovarMagnification>"
        "<CameraAdapterMagnification>1</CameraAdapterMagnification></AutoScaling>"
    )
    record = record_of(instrument=OBJECTIVES.format(more=""), image=USED, scaling=scaling)
    total = record.get("total_magnification")
    assert (total.value, total.source, total.original) == (10.0, "inferred", "20 x 0.5")
    assert condition_values(derive_condition(record))["magnification"] == 10.0


def test_the_eyepiece_is_not_the_camera():
    eye = (
        "<MicroscopeSettings><EyepieceSettings><TotalMagnification>200</TotalMagnification>"
        "</EyepieceSettings></MicroscopeSettings>"
    )
    record = record_of(instrument=OBJECTIVES.format(more=""), image=USED + eye)
    assert not record.get("total_magnification").known
    assert "200x in total, which is the eye's view" in record.reported[0].message


def test_exposures_are_nanoseconds_and_lengths_metres():
    scaling = "<Items><Distance Id='X'><Value>2.5E-07</Value></Distance></Items>"
    channel = (
        "<ExposureTime>15000000</ExposureTime><ContrastMethod>Phase</ContrastMethod>"
        "<DetectorSettings><Binning>2,2</Binning></DetectorSettings>"
    )
    record = record_of(channel=channel, scaling=scaling)
    exposure = record.channel(0).get("exposure_time_ms")
    assert (exposure.value, exposure.original) == (15.0, "15000000 ns")
    assert record.channel(0).get("binning").value == 2.0
    assert record.get("pixel_size_x_um").value == 0.25
    assert condition_values(derive_condition(record))["modality"] == "phase contrast"


def test_a_second_exposure_in_the_hardware_setting_is_shown():
    detector = "<DetectorSettings><Detector Id='D:1'/></DetectorSettings>"
    instrument = (
        "<Detectors><Detector Id='D:1'><Manufacturer><Model>cam1</Model></Manufacturer></Detector>"
        "</Detectors>"
    )
    setting = (
        "<ParameterCollection Id='MTBCamera_Port.{name}'><ExposureTime>{ms}</ExposureTime>"
        "</ParameterCollection>"
    )
    parts = {
        "channel": f"<ExposureTime>100000000</ExposureTime>{detector}",
        "instrument": instrument,
    }
    other = setting.format(name="cam1", ms=200) + setting.format(name="cam2", ms=5)
    (conflict,) = record_of(**parts, hardware=other).reported
    assert (
        "exposed 100 ms, the hardware setting of MTBCamera_Port.cam1 says 200" in conflict.message
    )
    assert not record_of(**parts, hardware=setting.format(name="cam1", ms=100)).reported


def test_heights_are_listed_for_each_plane_of_a_stack():
    z = (
        "<Dimensions><Z><StartPosition>-2</StartPosition><Positions><List><Offsets>0 0.5 1"
        "</Offsets></List></Positions></Z></Dimensions>"
    )
    xml = f"<ImageDocument><Metadata><Information><Image>{z}</Image></Information></Metadata>"
    sizes = {"T": 1, "C": 1, "Z": 3, "Y": 4, "X": 6}
    record = read_metadata(xml + "</ImageDocument>").record(sizes, alone=True)
    assert [plane.position_z_um for plane in record.planes] == [-2.0, -1.5, -1.0]


def test_sizes_that_the_xml_states_otherwise_are_shown():
    (conflict,) = record_of(image="<SizeX>6</SizeX><SizeT>5</SizeT>").reported
    assert "SizeT 5, the pixels in the file have 1" in conflict.message


@pytest.mark.parametrize(
    "xml", ["<ImageDocument><Meta", "<!DOCTYPE a [<!ENTITY b 'c'>]><ImageDocument/>", ""]
)
def test_xml_that_cannot_be_read_leaves_a_notice(xml):
    record = read_metadata(xml).record({"T": 1, "C": 1, "Z": 1}, alone=True)
    assert not record.fields
    assert record.reported
