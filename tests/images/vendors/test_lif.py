"""LIF: files made here as LAS X lays them out, with what it states of the hardware."""

from __future__ import annotations

import pickle
import struct

import numpy as np
import pytest

from napari_metaseg.acquisition.condition import condition_values, derive_condition
from napari_metaseg.acquisition.conflicts import conflicts
from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_images

AXES = {"X": 1, "Y": 2, "Z": 3, "T": 4, "λ": 5, "M": 10}
CONFOCAL = (
    "<Attachment Name='HardwareSetting' DataSourceTypeName='Confocal' SystemTypeName='TCS SP8'>"
    "<ATLConfocalSettingDefinition ScanMode='xyz' Magnification='63' NumericalAperture='1.3' "
    "Immersion='GLYC' RefractionIndex='1.46' ObjectiveName='HC PL APO 63x/1.30 GLYC' "
    "PixelDwellTime='0.0000012'>{more}</ATLConfocalSettingDefinition></Attachment>"
)


def image_xml(name, pixels, axes, hardware="", channels=None):
    """The element of an image whose array has `axes`, slowest first, C anywhere or nowhere."""
    steps = dict(zip(axes, pixels.strides, strict=True))
    sizes = dict(zip(axes, pixels.shape, strict=True))
    bits = 8 * pixels.dtype.itemsize
    described = channels or ["0"] * sizes.get("C", 1)
    rows = "".join(
        f"<ChannelDescription DataType='0' ChannelTag='{tag}' Resolution='{bits}' "
        f"LUTName='Green' BytesInc='{steps.get('C', 0) * i}'/>"
        for i, tag in enumerate(described)
    )
    dims = "".join(
        f"<DimensionDescription DimID='{AXES[a]}' NumberOfElements='{sizes[a]}' Origin='1e-6' "
        f"Length='{(sizes[a] - 1) * 2e-7}' Unit='m' BytesInc='{steps[a]}'/>"
        for a in reversed(axes)
        if a != "C"
    )
    return (
        f"<Element Name='{name}'><Data><Image><ImageDescription><Channels>{rows}</Channels>"
        f"<Dimensions>{dims}</Dimensions></ImageDescription>{hardware}</Image></Data>"
        f"<Memory Size='{pixels.nbytes}' MemoryBlockID='MemBlock_{name}'/></Element>"
    )


def write_lif(path, images, prolog=""):
    """A LIF file of (name, pixels, XML): the XML in UTF-16, then one block of pixels each."""
    elements = "".join(xml for _, _, xml in images)
    xml = (
        f"{prolog}<LMSDataContainerHeader Version='2'><Element Name='root'><Data/>"
        f"<Memory Size='0' MemoryBlockID='MemBlock_0'/><Children>{elements}</Children></Element>"
        "</LMSDataContainerHeader>"
    ).encode("utf-16-le")
    parts = [struct.pack("<iiBi", 0x70, len(xml) + 5, 0x2A, len(xml) // 2), xml]
    for name, pixels, _ in images:
        label = f"MemBlock_{name}".encode("utf-16-le")
        head = struct.pack(
            "<iiBqBi", 0x70, len(label) + 14, 0x2A, pixels.nbytes, 0x2A, len(label) // 2
        )
        parts += [head, label, pixels.tobytes()]
    path.write_bytes(b"".join(parts))
    return path


@pytest.fixture
def lif(tmp_path):
    """Write a LIF file of one image."""

    def write(pixels, axes, hardware="", channels=None):
        entry = ("one", pixels, image_xml("one", pixels, axes, hardware, channels))
        return write_lif(tmp_path / "a.lif", [entry])

    return write


def noise(*shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 200, shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_stack_of_channels(lif, dtype):
    pixels = noise(3, 2, 5, 6, dtype=dtype)
    (image,) = open_images(lif(pixels, "ZCYX"))
    assert (image.name, image.axes, image.shape) == ("one", "CZYX", (2, 3, 5, 6))
    np.testing.assert_array_equal(image.dask().compute(), pixels.transpose(1, 0, 2, 3))
    heights = [image.record.plane(1, z, 0).position_z_um for z in range(3)]
    assert heights == [1.0, 1.2, 1.4]


def test_a_vertical_scan_has_planes_of_z_by_x(lif):
    pixels = noise(4, 2, 5, 6)
    (image,) = open_images(lif(pixels, "TCZX"))
    assert (image.axes, image.shape) == ("TCZX", (4, 2, 5, 6))
    np.testing.assert_array_equal(image.plane(c=1, t=3), pixels[3, 1])
    assert image.dask().chunks == ((1,) * 4, (1,) * 2, (5,), (6,))
    np.testing.assert_array_equal(image.dask().compute(), pixels)
    assert image.record.get("pixel_size_z_um").value == 0.2
    assert not image.record.get("pixel_size_y_um").known
    with pytest.raises(InputError, match="no plane at z = 1"):
        image.plane(z=1)


def test_vertical_scans_along_y_are_a_stack(lif):
    pixels = noise(7, 2, 5, 6)
    (image,) = open_images(lif(pixels, "YCZX"))
    assert (image.axes, image.shape) == ("CZYX", (2, 5, 7, 6))
    np.testing.assert_array_equal(image.plane(c=1, z=4), pixels[:, 1, 4])


def test_red_green_and_blue_are_one_colour_image(lif):
    pixels = noise(5, 6, 3)
    (image,) = open_images(lif(pixels, "YXC", channels=["3", "2", "1"]))
    assert (image.axes, image.shape) == ("YXS", (5, 6, 3))
    np.testing.assert_array_equal(image.plane(), pixels[..., ::-1])


def test_each_tile_of_a_mosaic_is_an_image(lif):
    pixels = noise(3, 5, 6)
    images = open_images(lif(pixels, "MYX"))
    assert [image.name for image in images] == ["one tile 1", "one tile 2", "one tile 3"]
    np.testing.assert_array_equal(images[2].plane(), pixels[2])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(images[2])).plane(), pixels[2])  # noqa: S301


def test_what_is_no_image_of_planes_is_named(tmp_path):
    good, odd = noise(5, 6), noise(4, 5, 6)
    path = write_lif(
        tmp_path / "a.lif",
        [("a", good, image_xml("a", good, "YX")), ("b", odd, image_xml("b", odd, "λYX"))],
    )
    (image,) = open_images(path)
    assert "not read: b (a dimension of kind 5)" in image.record.reported[0].message
    path = write_lif(tmp_path / "b.lif", [("b", odd, image_xml("b", odd, "λYX"))])
    with pytest.raises(InputError, match="no image of planes"):
        open_images(path)


def test_the_objective_and_the_pixel_size(lif):
    (image,) = open_images(lif(noise(5, 6), "YX", CONFOCAL.format(more="")))
    record = image.record
    assert record.get("objective_nominal_magnification").value == 63.0
    assert record.get("lens_na").value == 1.3
    assert (record.get("immersion").value, record.get("immersion").original) == ("Glycerol", "GLYC")
    size = record.get("pixel_size_x_um")
    assert (size.value, size.source) == (0.2, "file")
    assert "@Length / (NumberOfElements - 1)" in size.path
    assert condition_values(derive_condition(record))["modality"] == "fluorescence"
    assert "LIF XML" in image.original_metadata()


def test_a_dwell_time_is_no_exposure(lif):
    (image,) = open_images(lif(noise(5, 6), "YX", CONFOCAL.format(more="")))
    assert not image.record.channel(0).get("exposure_time_ms").known
    (notice,) = conflicts(image.record)
    assert "no exposure time; the pixel dwell time was 1.2 µs" in notice.message


def test_active_detectors_are_the_channels(lif):
    more = (
        "<DetectorList><Detector Name='HyD 1' Type='HyD' Channel='1' IsActive='1'/>"
        "<Detector Name='PMT 2' Type='PMT' Channel='2' IsActive='0'/>"
        "<Detector Name='PMT Trans' Type='PMT' Channel='3' IsActive='1'/></DetectorList>"
        "<MultiBand Channel='1' LeftWorld='500' RightWorld='550' DyeName='Leica/FITC'/>"
    )
    (image,) = open_images(lif(noise(2, 5, 6), "CYX", CONFOCAL.format(more=more)))
    fitc, trans = image.record.channels
    assert fitc.name == "FITC"
    emission = fitc.get("emission_nm")
    assert (emission.value, emission.source, emission.original) == (525.0, "inferred", "500-550")
    assert derive_condition(image.record, 0)["modality"].value == "fluorescence"
    assert trans.get("illumination_type").value == "Transmitted"
    assert not derive_condition(image.record, 1)["modality"].known


def test_a_cameras_channels_state_contrast_and_exposure(lif):
    hardware = (
        "<Attachment Name='HardwareSetting'><ATLCameraSettingDefinition Magnification='20' "
        "Immersion='DRY'><WideFieldChannelInfo ContrastingMethodName='TL-PH' ExposureTime='0.05' "
        "UserDefName='phase'/></ATLCameraSettingDefinition></Attachment>"
    )
    (image,) = open_images(lif(noise(5, 6), "YX", hardware))
    values = condition_values(derive_condition(image.record))
    assert values["modality"] == "phase contrast"
    assert values["exposure_ms"] == 50.0
    assert values["immersion"] == "Air"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("NumberOfElements='6'", "NumberOfElements='600000'"),
        ("NumberOfElements='6'", "NumberOfElements='-6'"),
        ("BytesInc='6'", "BytesInc='9999999999999'"),
        ("Resolution='8'", "Resolution='x'"),
    ],
)
def test_impossible_numbers_are_refused(tmp_path, old, new):
    pixels = noise(5, 6)
    xml = image_xml("one", pixels, "YX").replace(old, new)
    with pytest.raises(InputError, match="not a readable Leica LIF"):
        open_images(write_lif(tmp_path / "a.lif", [("one", pixels, xml)]))[0].plane()
    assert new in xml


def test_xml_that_declares_entities_is_refused(tmp_path):
    pixels = noise(5, 6)
    entry = ("one", pixels, image_xml("one", pixels, "YX"))
    path = write_lif(tmp_path / "a.lif", [entry], "<!DOCTYPE a [<!ENTITY b 'c'>]>")
    with pytest.raises(InputError, match="declares entities"):
        open_images(path)


def test_a_cut_file_is_refused_wherever_it_is_cut(lif, tmp_path):
    raw = lif(noise(2, 20, 30), "CYX").read_bytes()
    for length in np.linspace(10, len(raw) - 1, 60).astype(int):
        (tmp_path / "cut.lif").write_bytes(raw[:length])
        with pytest.raises(InputError):
            open_images(tmp_path / "cut.lif")[0].plane()
