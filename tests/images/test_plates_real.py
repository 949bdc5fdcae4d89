"""Every value read from the real plates and OME-XML files, with its source: each checked by hand
against the raw files. A field that is not listed must be unknown.
"""

from __future__ import annotations

import pickle

import pytest

from napari_metaseg.acquisition.condition import condition_values, derive_condition
from napari_metaseg.acquisition.conflicts import conflicts
from napari_metaseg.acquisition.record import CHANNEL_FIELDS, IMAGE_FIELDS
from napari_metaseg.errors import InputError
from napari_metaseg.images.info import file_document, file_table
from napari_metaseg.images.open import open_images
from napari_metaseg.images.protocol import WellField
from napari_metaseg.images.without_pixels import has_pixels

pytestmark = pytest.mark.real_data

FILE, INFERRED = "file", "inferred"


def harmony(magnification, na, pixel, microscope, date, **more):
    return {
        "objective_nominal_magnification": (magnification, FILE),
        "lens_na": (na, FILE),
        "pixel_size_x_um": (pytest.approx(pixel), FILE),
        "pixel_size_y_um": (pytest.approx(pixel), FILE),
        "detector": ("AndorZylaCam", FILE),
        "microscope": (microscope, FILE),
        "acquired_at": (date, FILE),
    } | more


def medium(word, index):
    return {"immersion": (word, INFERRED), "refractive_index": (index, FILE)}


def fluorescence(mode, ms, excitation, emission, binning, **more):
    return {
        "acquisition_mode": (mode, INFERRED),
        "contrast_method": ("Fluorescence", FILE),
        "illumination_type": ("Epifluorescence", FILE),
        "exposure_time_ms": (ms, FILE),
        "excitation_nm": (excitation, FILE),
        "emission_nm": (emission, FILE),
        "binning": (binning, FILE),
    } | more


def transmitted(mode, contrast, ms, binning, **more):
    return {
        "acquisition_mode": (mode, INFERRED),
        "contrast_method": (contrast, FILE),
        "illumination_type": ("Transmitted", FILE),
        "exposure_time_ms": (ms, FILE),
        "excitation_nm": (740.0, FILE),
        "binning": (binning, FILE),
    } | more


def offset(um):
    return {"z_offset_um": (pytest.approx(um), INFERRED)}


def cellvoyager(ms, excitation, emission):
    return {
        "exposure_time_ms": (ms, FILE),
        "binning": (1.0, FILE),
        "excitation_nm": (excitation, FILE),
        "emission_nm": (emission, INFERRED),
        "contrast_method": ("Fluorescence", INFERRED),
        "acquisition_mode": ("SpinningDiskConfocal", INFERRED),
        "illumination_type": ("Epifluorescence", INFERRED),
    }


def sizes(**um):
    return {f"pixel_size_{axis}_um": (value, FILE) for axis, value in um.items()}


SPINNING, WIDE = "SpinningDiskConfocal", "WideField"
PHENIX_DATE, V7_DATE = "2023-03-23T14:52:40.42-04:00", "2024-06-24T11:48:55.515-04:00"
YOKOGAWA = {
    "objective_nominal_magnification": (20.0, FILE),
    "pixel_size_z_um": (3.0, INFERRED),
    "detector": ("DCAM", FILE),
    "microscope": ("CV8000", FILE),
    "acquired_at": ("2023-09-18T13:58:44.438+02:00", FILE),
} | sizes(x=0.325, y=0.325)
MICROMANAGER = {"detector": ("DCam DemoCamera-MultiMode", FILE)} | sizes(x=2.0, y=2.0, z=1.75)
LAB_MK3 = {
    "objective_nominal_magnification": (60.0, INFERRED),
    "lens_na": (1.2, INFERRED),
    "immersion": ("Air", INFERRED),
    "detector": ("OME Detectors Standard CCD Mk2", FILE),
    "acquired_at": ("2010-02-23T12:51:30", FILE),
} | sizes(x=10000.0, y=10000.0)
ZEISS_AIR = {"immersion": ("Air", FILE), "refractive_index": (1.000293, FILE)}
OVERVIEW_CHANNEL = {
    "acquisition_mode": (WIDE, FILE),
    "illumination_type": ("Epifluorescence", FILE),
    "excitation_nm": (353.0, FILE),
    "emission_nm": (465.0, FILE),
}


def cell_observer(**more):
    shared = {"acquisition_mode": (SPINNING, FILE), "exposure_time_ms": (10004210526.3, FILE)}
    return shared | {"binning": (4.0, FILE)} | more


def conf(excitation, emission):
    return {
        "excitation_nm": (excitation, FILE),
        "emission_nm": (emission, FILE),
        "binning": (1.0, FILE),
    }


# path → number of images, name, axes, shape of the first image; its fields; its channels
FILES = {
    "harmony/operetta_v5/Images/Index.idx.xml": (
        (2, "C03 field 1", "YX", (1080, 1080)),
        harmony(10.0, 0.3, 1.1959521619135234, "Sonata", "2022-12-19T10:19:26.58+01:00")
        | medium("Air", 1.0),
        {"Fluorescein (FITC)": fluorescence(WIDE, 6.0, 475.0, 525.0, 2.0)},
    ),
    "harmony/Version5/Index.idx.xml": (
        (1, "A01 field 1", "CYX", (6, 1080, 1080)),
        harmony(20.0, 1.0, 0.5979760809567617, "Phenix", PHENIX_DATE) | medium("Water", 1.333),
        {
            "Digital Phase Contrast": transmitted(SPINNING, "Phase", 100.0, 2.0, **offset(0.0)),
            "Brightfield high": transmitted(SPINNING, "Brightfield", 200.0, 2.0, **offset(-2.984)),
            "488 650": fluorescence(SPINNING, 60.0, 488.0, 706.0, 2.0, **offset(-0.984)),
            "Alexa 488": fluorescence(SPINNING, 200.0, 488.0, 522.0, 2.0, **offset(0.016)),
            "Alexa 568": fluorescence(SPINNING, 40.0, 561.0, 599.0, 2.0, **offset(0.016)),
            "Alexa 647": fluorescence(SPINNING, 40.0, 640.0, 706.0, 2.0, **offset(3.016)),
        },
    ),
    "harmony/Version7/Index.xml": (
        (1, "A01 field 1", "CYX", (7, 2160, 2160)),
        harmony(20.0, 1.0, 0.296688132474701, "Phenix", V7_DATE),
        {
            "Alexa 488": fluorescence(WIDE, 10.0, 488.0, 522.0, 1.0, **offset(0.0)),
            "Alexa 568": fluorescence(WIDE, 20.0, 561.0, 599.0, 1.0, **offset(0.0)),
            "Alexa 488 Em 650": fluorescence(WIDE, 30.0, 488.0, 706.0, 1.0, **offset(0.0)),
            "405ex, 570-630-em)": fluorescence(WIDE, 35.0, 405.0, 599.0, 1.0, **offset(0.0)),
            "Alexa 647": fluorescence(WIDE, 40.0, 640.0, 706.0, 1.0, **offset(0.0)),
            "HOECHST 33342": fluorescence(WIDE, 10.0, 405.0, 456.0, 1.0, **offset(1.0)),
            "Brightfield": transmitted(WIDE, "Brightfield", 10.0, 1.0, **offset(5.0)),
        },
    ),
    "yokogawa/cv8000_MeasurementData.mlf": (
        (12, "D08 field 1", "CZYX", (2, 4, 2000, 2000)),
        YOKOGAWA,
        {
            "405nm BP445/45": cellvoyager(100.0, 405.0, 445.0),
            "488nm BP525/50": cellvoyager(100.0, 488.0, 525.0),
        },
    ),
    "metamorph/imagexpress.HTD": (
        (4, "B02 site 1", "TC", (6, 4)),
        {},
        {"DAPI": {}, "FITC": {}, "Texas Red": {}, "Cy5": {}},
    ),
    "omexml/MMStack.ome.xml": (
        (
            2, "image_stack_tpzc_50tp_2p_5z_3c_512k_1_MMStack_2-Pos000_000",
            "TCZYX", (2, 3, 5, 256, 256),
        ),
        MICROMANAGER,
        {
            "Cy5": {"exposure_time_ms": (1.0, FILE), "binning": (2.0, FILE)},
            "DAPI": {"exposure_time_ms": (1.0, FILE)},
            "FITC": {"exposure_time_ms": (1.0, FILE)},
        },
    ),
    "omexml/OverViewScan.ome.xml": (
        (1, "TR1", "YX", (3212, 7398)),
        ZEISS_AIR
        | {
            "microscope": ("Zeiss", FILE),
            "detector": ("Axiocam506m", FILE),
            "acquired_at": ("2016-03-11T10:23:44.925154Z", FILE),
        }
        | sizes(x=4.5743626119409, y=4.5743626119409),
        {"DAPI": OVERVIEW_CHANNEL},
    ),
    "omexml/OverViewScan2-aics.ome.xml": (
        (2, "OverViewScan2-aics 0", "YX", (3216, 7400)),
        ZEISS_AIR
        | {
            "objective_nominal_magnification": (5.0, FILE),
            "lens_na": (0.35, FILE),
            "detector": ("Axiocam506m", FILE),
            "acquired_at": ("2016-03-11T10:23:44.925", FILE),
        }
        | sizes(x=4.5743626119409, y=4.5743626119409),
        {"DAPI": OVERVIEW_CHANNEL | {"exposure_time_ms": (150_000.0, FILE)}},
    ),
    "omexml/faim_c3_z33.companion.ome": (
        (1, "c3_z33", "CZYX", (3, 33, 2048, 2048)),
        {
            "objective_nominal_magnification": (100.0, INFERRED),
            "lens_na": (1.4, FILE),
            "refractive_index": (1.515, FILE),
            "acquired_at": ("2024-11-04T10:38:07.9475104+01:00", FILE),
        }
        | sizes(x=0.0649555549, y=0.0649555549, z=0.5),
        {
            "Conf640": conf(640.0, 650.0),
            "Conf561": conf(561.0, 580.0),
            "Conf405": conf(405.0, 460.0),
        },
    ),
    "omexml/instrument-units-default.ome.xml": (
        (1, "6x6x1x8-swatch.tif", "YX", (4, 6)),
        LAB_MK3 | {"microscope": ("OME Instruments Lab Mk3", FILE)},
        {
            "": {
                "excitation_nm": (610.5, FILE),
                "emission_nm": (488.6, FILE),
                "binning": (2.0, FILE),
            }
        },
    ),
    "omexml/instrument.ome.xml": (
        (1, "6x6x1x8-swatch.tif", "YX", (4, 6)),
        LAB_MK3 | {"microscope": ("OME Insturuments Lab Mk3", FILE)},
        {"": {"binning": (2.0, FILE)}},
    ),
    "omexml/minimum-specification.ome.xml": ((1, "Name92", "TCZYX", (2, 2, 2, 2, 2)), {}, {}),
    "omexml/multi-channel-z-series-time-series.ome.xml": (
        (1, "18x24y1z5t1c8b-text", "TCZYX", (5, 2, 5, 24, 18)),
        {"acquired_at": ("2010-03-02T10:01:15", FILE)},
        {"": {}},
    ),
    "omexml/ome_ns.ome.xml": (
        (3, "ome_ns 0", "CZYX", (3, 5, 4029, 5476)),
        ZEISS_AIR
        | {
            "microscope": ("Zeiss", FILE),
            "detector": ("HDCamC11440-22C", FILE),
            "acquired_at": ("2019-06-27T18:39:25.807886", FILE),
        },
        {
            "EGFP": cell_observer(
                illumination_type=("Epifluorescence", FILE),
                excitation_nm=(488.0, FILE),
                emission_nm=(509.0, FILE),
            ),
            "TaRFP": cell_observer(
                illumination_type=("Epifluorescence", FILE),
                excitation_nm=(558.0, FILE),
                emission_nm=(583.0, FILE),
            ),
            "Bright": cell_observer(illumination_type=("Transmitted", FILE)),
        },
    ),
    "omexml/spim.ome.xml": (
        (4, "Spim Sample Tile 1 Angle 1", "TCZYX", (2, 2, 2, 4, 6)),
        {
            "objective_nominal_magnification": (20.0, FILE),
            "lens_na": (0.95, FILE),
            "immersion": ("Oil", FILE),
            "microscope": ("OME-Sample Spim-Sample", FILE),
            "detector": ("OME-Sample OME-CCD Mk1", FILE),
            "acquired_at": ("2010-11-10T14:42:38", FILE),
        }
        | sizes(x=10000.0, y=10000.0),
        {"": {"exposure_time_ms": (500_000.0, FILE)}},
    ),
    "omexml/z-series.ome.xml": (
        (1, "18x24y5z1t2c8b-text", "ZYX", (5, 24, 18)),
        {"acquired_at": ("2010-03-02T15:08:59", FILE)},
        {"": {}},
    ),
}  # fmt: skip


def known(owner, names):
    return {n: (f.value, f.source) for n in names if (f := owner.get(n)).known}


@pytest.mark.parametrize("name", FILES)
def test_every_field_is_the_files_own_and_no_other_is_known(real_data, name):
    (count, title, axes, shape), fields, channels = FILES[name]
    images = open_images(real_data / "vendor" / name)
    image = images[0]
    assert len(images) == count
    assert (image.name, image.axes, image.shape) == (title, axes, shape)
    assert known(image.record, IMAGE_FIELDS) == fields
    assert {c.name: known(c, CHANNEL_FIELDS) for c in image.record.channels} == channels


def test_every_file_of_these_folders_is_in_the_table(real_data):
    """Or beside it: the pixel files of a plate, the other two files of a measurement."""
    vendor = real_data / "vendor"
    files = {
        str(path.relative_to(vendor))
        for folder in ("harmony", "yokogawa", "omexml")
        for path in (vendor / folder).rglob("*")
        if path.is_file() and path.suffix not in (".tif", ".tiff")
    }
    beside = {
        "harmony/operetta_v5/Assaylayout/Unnamed.xml",
        "omexml/bad.ome.xml",
        "yokogawa/cv8000_MeasurementDetail.mrf",
        "yokogawa/cv8000_Minimal-3C3W2S-FP2-stack.mes",
    }
    assert files == (set(FILES) - {"metamorph/imagexpress.HTD"}) | beside


def positions(image, c=0):
    return [plane.position_z_um for plane in image.record.stack(c, 0)]


@pytest.mark.parametrize(
    ("name", "per_channel"),
    [
        ("harmony/operetta_v5", [[20.0]]),
        ("harmony/Version5", [[-3.016], [-6.0], [-4.0], [-3.0], [-3.0], [0.0]]),
        ("harmony/Version7", [[-5.0]] * 5 + [[-4.0], [0.0]]),
        ("yokogawa", [[0.0, 3.0, 6.0, 9.0]] * 2),
        ("omexml/MMStack.ome.xml", [[-4.0, -2.25, -0.5, 1.25, 3.0]] * 3),
        ("omexml/OverViewScan2-aics.ome.xml", [[357.106]]),
        ("omexml/ome_ns.ome.xml", [[9799.29, 9800.29, 9801.29, 9802.29, 9803.29]] * 3),
        ("omexml/faim_c3_z33.companion.ome", [[67 + z / 2 for z in range(33)]] * 3),
    ],
)
def test_every_plane_has_its_own_position(real_data, name, per_channel):
    (image, *_) = open_images(real_data / "vendor" / name)
    assert [positions(image, c) for c in range(len(per_channel))] == per_channel


def test_every_well_and_field_is_named(real_data):
    vendor = real_data / "vendor"
    operetta = open_images(vendor / "harmony/operetta_v5")
    assert [i.position for i in operetta] == [
        WellField("Test_Sample_BALL", "C03", 1), WellField("Test_Sample_BALL", "C03", 2),
    ]  # fmt: skip
    cv8000 = open_images(vendor / "yokogawa")
    assert [i.name for i in cv8000] == [
        f"{well} field {field}" for well in ("D08", "E03", "F08") for field in (1, 2, 3, 4)
    ]
    assert {i.position.plate for i in cv8000} == {"CV8000-Minimal-DataSet-2C-3W-4S-FP2-stack"}
    htd = open_images(vendor / "metamorph/imagexpress.HTD")
    assert [(i.position.well, i.position.field) for i in htd] == [
        ("B02", 1), ("B02", 2), ("B03", 1), ("B03", 2),
    ]  # fmt: skip


def test_the_conditions_are_what_a_network_should_see(real_data):
    def condition(name, c=0):
        record = open_images(real_data / "vendor" / name)[0].record
        return condition_values(derive_condition(record, c))

    assert condition("harmony/operetta_v5") == {
        "magnification": 10.0,
        "pixel_size_um": pytest.approx(1.19595216),
        "modality": "fluorescence",
        "exposure_ms": 6.0,
        "immersion": "Air",
    }
    assert condition("harmony/Version5")["modality"] == "phase contrast"
    assert condition("harmony/Version5", 1)["modality"] == "brightfield"
    assert condition("harmony/Version7", 6)["exposure_ms"] == 10.0
    assert condition("yokogawa") == {
        "magnification": 20.0,
        "pixel_size_um": 0.325,
        "modality": "fluorescence",
        "exposure_ms": 100.0,
    }
    assert condition("metamorph/imagexpress.HTD") == {}


def test_pixels_that_are_there_are_read_and_others_named(real_data):
    vendor = real_data / "vendor"
    (first, second) = open_images(vendor / "harmony/operetta_v5")
    assert first.plane().mean() == pytest.approx(1374.7296, abs=1e-3)
    assert has_pixels(second)
    assert not first.record.reported
    (phenix,) = open_images(vendor / "harmony/Version5")
    assert phenix.plane(c=1).shape == (1080, 1080)
    with pytest.raises(InputError, match=r"no file .*r01c01f01p01-ch3sk1fk1fl1\.tiff"):
        phenix.plane(c=2)
    messages = [c.message for c in phenix.record.reported]
    assert messages == ["4 of 6 pixel files are not there, such as r01c01f01p01-ch3sk1fk1fl1.tiff"]
    again = pickle.loads(pickle.dumps(phenix))  # noqa: S301
    assert (again.plane(c=1) == phenix.plane(c=1)).all()


@pytest.mark.parametrize("name", [n for n in FILES if not n.startswith("harmony/o")])
def test_without_pixel_files_each_image_is_a_record_that_can_be_printed(real_data, name):
    path = real_data / "vendor" / name
    images = open_images(path)
    if "Version5" not in name:
        assert not any(has_pixels(image) for image in images)
        with pytest.raises(InputError):
            images[0].plane()
    assert len(file_document(path)["images"]) == len(images)
    assert images[0].name in file_table(path)


def test_exposures_that_cannot_be_are_kept_and_doubted(real_data):
    def messages(name):
        record = open_images(real_data / "vendor" / "omexml" / name)[0].record
        return " ".join(c.message for c in conflicts(record))

    assert "without a unit; read as s, it may be ms" in messages("ome_ns.ome.xml")
    assert "its unit may be wrong" in messages("OverViewScan2-aics.ome.xml")
    assert "500 without a unit" in messages("spim.ome.xml")


def test_ome_xml_that_contradicts_itself_is_refused(real_data):
    with pytest.raises(InputError, match=r"bad\.ome\.xml contradicts itself on its channels.*3"):
        open_images(real_data / "vendor/omexml/bad.ome.xml")


def test_a_plates_layout_file_is_no_image(real_data):
    with pytest.raises(InputError, match="an XML or HTML file"):
        open_images(real_data / "vendor/harmony/operetta_v5/Assaylayout/Unnamed.xml")
