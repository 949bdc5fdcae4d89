"""Every value read from the real vendors' files, with its source: each checked by hand against
the file's raw metadata. A field that is not listed must be unknown.
"""

from __future__ import annotations

import pickle
import random
import threading

import numpy as np
import pytest

from napari_metaseg.acquisition.condition import condition_values, derive_condition
from napari_metaseg.acquisition.conflicts import conflicts
from napari_metaseg.acquisition.document import image_document
from napari_metaseg.acquisition.record import CHANNEL_FIELDS, IMAGE_FIELDS
from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_image, open_images

pytestmark = pytest.mark.real_data

FILE, INFERRED = "file", "inferred"


def nikon(magnification, na, pixel, date, **more):
    return {
        "objective_nominal_magnification": (magnification, FILE),
        "lens_na": (na, FILE),
        "refractive_index": (1.0, FILE),
        "pixel_size_x_um": (pytest.approx(pixel), FILE),
        "pixel_size_y_um": (pytest.approx(pixel), FILE),
        "microscope": ("Ti2 Microscope", FILE),
        "detector": ("Fusion, SN:500651", FILE),
        "acquired_at": (date, FILE),
    } | more


def nikon_fluorescence(ms, emission, mode="WideField"):
    return {
        "acquisition_mode": (mode, FILE),
        "contrast_method": ("Fluorescence", FILE),
        "exposure_time_ms": (ms, FILE),
        "excitation_nm": (405.0, FILE),
        "emission_nm": (emission, FILE),
        "binning": (1.0, FILE),
    }


def zeiss(magnification, na, medium, index, pixel, *names, **more):
    microscope, detector, date = names
    return {
        "objective_nominal_magnification": (magnification, FILE),
        "lens_na": (na, FILE),
        "immersion": (medium, FILE),
        "refractive_index": (index, FILE),
        "pixel_size_x_um": (pytest.approx(pixel), FILE),
        "pixel_size_y_um": (pytest.approx(pixel), FILE),
        "microscope": (microscope, FILE),
        "detector": (detector, FILE),
        "acquired_at": (date, FILE),
    } | more


def zeiss_channel(mode, contrast, light, ms, binning, **more):
    return {
        "acquisition_mode": (mode, FILE),
        "contrast_method": (contrast, FILE),
        "illumination_type": (light, FILE),
        "exposure_time_ms": (ms, FILE),
        "binning": (binning, FILE),
    } | more


def leica(date, **sizes):
    return {
        "objective_nominal_magnification": (63.0, FILE),
        "lens_na": (1.3, FILE),
        "immersion": ("Glycerol", FILE),
        "refractive_index": (1.46, FILE),
        "microscope": ("TCS SP8, DMI6000B-CS", FILE),
        "detector": ("HyD 1, HyD 3", FILE),
        "acquired_at": (date, FILE),
    } | {f"pixel_size_{a}_um": (pytest.approx(size, rel=1e-6), FILE) for a, size in sizes.items()}


LEICA_CHANNELS = {
    name: {
        "acquisition_mode": ("LaserScanningConfocalMicroscopy", FILE),
        "emission_nm": (emission, INFERRED),
    }
    for name, emission in (("FITC", 517.0), ("TRITC", 659.2))
}


def harmony(magnification, na, index, medium, pixel, kind, date):
    return {
        "objective_nominal_magnification": (magnification, FILE),
        "lens_na": (na, FILE),
        "refractive_index": (index, FILE),
        "immersion": (medium, INFERRED),
        "pixel_size_x_um": (pytest.approx(pixel, rel=1e-6), INFERRED),
        "pixel_size_y_um": (pytest.approx(pixel, rel=1e-6), INFERRED),
        "microscope": (kind, FILE),
        "acquired_at": (date, FILE),
    }


def harmony_channel(ms, contrast, light, **more):
    return {
        "contrast_method": (contrast, INFERRED),
        "illumination_type": (light, FILE),
        "exposure_time_ms": (ms, FILE),
        "binning": (2.0, FILE),
    } | more


TABLE = {
    ("nd2/cerevisiae.nd2", 0): {
        "image": ("CYX", (2, 256, 256), "uint16"),
        "fields": nikon(
            40.0, 0.95, 0.65 / 6, "11/25/2025  4:13:17 PM", total_magnification=(60.0, INFERRED)
        ),
        "channels": {
            "DIC": {
                "contrast_method": ("DIC", INFERRED),
                "exposure_time_ms": (100.0, FILE),
                "excitation_nm": (405.0, FILE),
                "binning": (1.0, FILE),
            },
            "FITC BP": nikon_fluorescence(300.0, 512.0, "SpinningDiskConfocal"),
        },
        "heights": [6386.38, 6386.38],
        "conflicts": [
            "'DIC' calls itself fluorescence",
            "405 nm, the laser line switched on was 488",
        ],
        "condition": {"magnification": 60.0, "modality": "DIC", "immersion": "Air"},
    },
    ("nd2/multichannel.nd2", 0): {
        "image": ("CYX", (4, 256, 256), "uint16"),
        "fields": nikon(20.0, 0.75, 0.323390342594048, "4/17/2025  4:39:00 PM"),
        "channels": {
            "Mono": {"exposure_time_ms": (20.0, FILE), "binning": (1.0, FILE)},
            "DAPI": nikon_fluorescence(1000.0, 450.0),
            "FITC BP": nikon_fluorescence(1000.0, 512.0),
            "TRITC BP": nikon_fluorescence(1000.0, 595.0),
        },
        "heights": [9009.0] * 4,
        "conflicts": [
            "'Mono' calls itself fluorescence but states no emission",
            "'FITC BP' states excitation 405 nm, the laser line switched on was 488",
            "'TRITC BP' states excitation 405 nm, the laser line switched on was 561",
            "'TRITC BP' calls itself widefield, the text says observation: confocal",
        ],
        "condition": {"magnification": 20.0, "exposure_ms": 20.0, "immersion": "Air"},
    },
    ("nd2/zstack.nd2", 0): {
        "image": ("ZYX", (11, 128, 128), "uint16"),
        "fields": nikon(
            20.0,
            0.75,
            0.323390342594048,
            "3/7/2025  2:38:00 PM",
            pixel_size_z_um=(6.0, FILE),
        ),
        "channels": {"FITC BP": nikon_fluorescence(500.0, 512.0)},
        "heights": [-30.0, -24.0, -18.0, -12.0, -6.0, 0.0, 6.0, 12.0, 18.0, 24.0, 30.0],
        "conflicts": [
            "the laser line switched on was 488",
            "claims stage z 8776.58 µm",
            "'FITC BP' calls itself widefield",
        ],
        "condition": {"magnification": 20.0, "modality": "fluorescence", "exposure_ms": 500.0},
    },
    ("czi/celldivision.czi", 0): {
        "image": ("TZYX", (3, 6, 200, 300), "uint16"),
        "fields": zeiss(
            50.0,
            1.2,
            "Water",
            1.33,
            0.09057667415221031,
            "Castor.Stand",
            "Axiocam506m",
            "2016-02-12T09:41:02.4915604Z",
            pixel_size_z_um=(0.32, FILE),
        ),
        "channels": {
            "LED555": zeiss_channel(
                "WideField",
                "Fluorescence",
                "Epifluorescence",
                100.0,
                1.0,
                excitation_nm=(553.0, FILE),
                emission_nm=(568.0, FILE),
            )
        },
        "heights": [-2.24, -1.92, -1.6, -1.28, -0.96, -0.64] * 3,
        "conflicts": ["exposed 100 ms, the hardware setting of MTBCamera_MTBCameraPortChanger_"],
        "condition": {"magnification": 50.0, "exposure_ms": 100.0, "immersion": "Water"},
    },
    ("czi/aics_s1.czi", 0): {
        "image": ("YX", (325, 475), "uint16"),
        "fields": zeiss(
            20.0,
            0.8,
            "Air",
            1.000293,
            13 / 12,
            "Axio Observer.Z1 / 7",
            "HDCamC11440-22C",
            "2019-06-27T18:33:40.6193715Z",
            total_magnification=(24.0, INFERRED),
        ),
        "channels": {
            "Bright": zeiss_channel("SpinningDiskConfocal", "Brightfield", "Transmitted", 10.0, 4.0)
        },
        "heights": [],
        "conflicts": [
            "200x in total, which is the eye's view",
            "Left.HDCamC11440-22C says 10.0042",
        ],
        "condition": {"magnification": 24.0, "modality": "brightfield", "exposure_ms": 10.0},
    },
    ("czi/testwell96_A9_1024x1024_Nuc.czi", 0): {
        "image": ("YX", (1024, 1024), "uint16"),
        "fields": zeiss(
            20.0,
            0.95,
            "Air",
            1.000293,
            0.45715068250381633,
            "Celldiscoverer 7",
            "Axiocam506m",
            "2016-07-04T14:52:08.4473414Z",
            total_magnification=(10.0, INFERRED),
        ),
        "channels": {
            "AF568": zeiss_channel(
                "WideField",
                "Fluorescence",
                "Epifluorescence",
                150.0,
                1.0,
                excitation_nm=(577.0, FILE),
                emission_nm=(603.0, FILE),
            )
        },
        "heights": [],
        "conflicts": [],
        "condition": {"magnification": 10.0, "modality": "fluorescence", "exposure_ms": 150.0},
    },
    ("lif/xz_2ch.lif", 0): {
        "image": ("TCZX", (20, 2, 128, 128), "uint8"),
        "fields": leica(
            "2021-03-04T16:39:17.951+00:00", x=0.14027984251968505, z=0.1402787401574803
        ),
        "channels": LEICA_CHANNELS,
        "heights": [],
        "conflicts": ["no exposure time; the pixel dwell time was 4.875 µs"],
        "condition": {"magnification": 63.0, "modality": "fluorescence", "immersion": "Glycerol"},
    },
    ("lif/xz_2ch.lif", 1): {
        "image": ("CZYX", (2, 128, 23, 128), "uint8"),
        "fields": leica(
            "2021-03-04T16:40:26.961+00:00",
            x=0.14027984251968505,
            y=0.22906154545454545,
            z=0.1402787401574803,
        ),
        "channels": LEICA_CHANNELS,
        "heights": None,
        "conflicts": ["the pixel dwell time was 4.875 µs", "pixels are not square"],
        "condition": {"magnification": 63.0},
    },
    ("lif/xz_2ch.lif", 2): {
        "image": ("CZX", (2, 512, 512), "uint8"),
        "fields": leica(
            "2021-03-04T16:42:50.247+00:00", x=0.10269722113502935, z=0.10269747553816047
        ),
        "channels": LEICA_CHANNELS,
        "heights": [],
        "conflicts": ["no exposure time; the pixel dwell time was 1.2 µs"],
        "condition": {"magnification": 63.0, "immersion": "Glycerol"},
    },
    ("metamorph/imagexpress_metamorph.tif", 0): {
        "image": ("YX", (512, 512), "uint16"),
        "fields": {
            "objective_nominal_magnification": (20.0, INFERRED),
            "lens_na": (0.75, FILE),
            "refractive_index": (1.0, FILE),
            "pixel_size_x_um": (1.3668, FILE),
            "pixel_size_y_um": (1.3668, FILE),
            "detector": ("AndorSdk3", FILE),
            "acquired_at": ("20230221 10:42:18.342", FILE),
        },
        "channels": {
            "FITC_05": {
                "acquisition_mode": ("SpinningDiskConfocal", INFERRED),
                "contrast_method": ("Fluorescence", INFERRED),
                "exposure_time_ms": (15.0, FILE),
                "emission_nm": (536.0, INFERRED),
                "binning": (4.0, FILE),
            }
        },
        "heights": [9340.88],
        "conflicts": ["a projection (maximum) over 50.28 µm"],
        "condition": {"magnification": 20.0, "modality": "fluorescence", "immersion": "Air"},
    },
    ("micromanager/mm2_single.tif", 0): {
        "image": ("YX", (16, 16), "uint16"),
        "fields": {
            "detector": ("My camera", FILE),
            "acquired_at": ("1920-01-01 12:34:56", FILE),
        },
        "channels": {
            "some channel": {"exposure_time_ms": (8888.0, FILE), "binning": (1.0, FILE)},
        },
        "heights": [512.0],
        "conflicts": [
            "camera's property Camera-Exposure says 10 ms",
            "PixelSize_um is 5.55556e+07",
        ],
        "condition": {"exposure_ms": 8888.0},
    },
    ("harmony/Version5/r01c01f01p01-ch1sk1fk1fl1.tiff", 0): {
        "image": ("YX", (1080, 1080), "uint16"),
        "fields": harmony(
            20.0, 1.0, 1.333, "Water", 0.5979760809567617, "Phenix", "2023-03-24T16:15:18.509Z"
        ),
        "channels": {"Digital Phase Contrast": harmony_channel(100.0, "Phase", "Transmitted")},
        "heights": [],
        "conflicts": [],
        "condition": {"modality": "phase contrast", "immersion": "Water"},
    },
    ("harmony/Version5/r01c01f01p01-ch2sk1fk1fl1.tiff", 0): {
        "image": ("YX", (1080, 1080), "uint16"),
        "fields": harmony(
            20.0, 1.0, 1.333, "Water", 0.5979760809567617, "Phenix", "2023-03-24T16:15:18.977Z"
        ),
        "channels": {"Brightfield high": harmony_channel(200.0, "Brightfield", "Transmitted")},
        "heights": [-6.0],
        "conflicts": [],
        "condition": {"modality": "brightfield", "exposure_ms": 200.0},
    },
    ("harmony/operetta_v5/Images/r03c03f01p01-ch1sk1fk1fl1.tiff", 0): {
        "image": ("YX", (1080, 1080), "uint16"),
        "fields": harmony(
            10.0, 0.3, 1.0, "Air", 1.1959521619135234, "Sonata", "2022-12-19T09:19:26.579Z"
        ),
        "channels": {
            "Fluorescein (FITC)": harmony_channel(
                6.0,
                "Fluorescence",
                "Epifluorescence",
                acquisition_mode=("WideField", INFERRED),
            )
        },
        "heights": [20.0],
        "conflicts": [],
        "condition": {"magnification": 10.0, "immersion": "Air"},
    },
    ("../stacks/focus-series-1.ome.tif", 0): {
        "image": ("ZYX", (5, 1024, 1344), "uint8"),
        "fields": {
            "objective_nominal_magnification": (40.0, FILE),
            "immersion": ("Air", FILE),
            "pixel_size_x_um": (0.2004, FILE),
            "pixel_size_y_um": (0.2004, FILE),
        },
        "channels": {
            "brightfield": {
                "acquisition_mode": ("WideField", FILE),
                "contrast_method": ("Brightfield", FILE),
                "illumination_type": ("Transmitted", FILE),
                "exposure_time_ms": (40.0, FILE),
            }
        },
        "heights": [-24.65, -10.3, 0.0, 9.75, 24.55],
        "conflicts": [],
        "condition": {"magnification": 40.0, "modality": "brightfield", "exposure_ms": 40.0},
    },
    ("../stacks/focus-series-1-dna.tif", 0): {
        "image": ("YX", (1024, 1344), "uint8"),
        "fields": {},
        "channels": {"": {}},
        "heights": [],
        "conflicts": [],
        "condition": {},
    },
    ("../stacks/focus-series-1-nuclei.tif", 0): {
        "image": ("YX", (1024, 1344), "uint16"),
        "fields": {},
        "channels": {"": {}},
        "heights": [],
        "conflicts": [],
        "condition": {},
    },
}


def known(holder, names):
    return {n: (f.value, f.source) for n in names if (f := holder.get(n)).known}


@pytest.mark.parametrize(
    ("name", "scene"), TABLE.keys(), ids=[f"{n.rsplit('/')[-1]}-{s}" for n, s in TABLE]
)
def test_what_is_read_from_each_file(real_data, name, scene):
    image, expected = open_images(real_data / "vendor" / name)[scene], TABLE[name, scene]
    record = image.record
    assert (image.axes, image.shape, str(image.dtype)) == expected["image"]
    assert known(record, IMAGE_FIELDS) == expected["fields"]
    assert [channel.name for channel in record.channels] == list(expected["channels"])
    for channel, fields in zip(record.channels, expected["channels"].values(), strict=True):
        assert known(channel, CHANNEL_FIELDS) == fields, channel.name
    if expected["heights"] is not None:
        assert [plane.position_z_um for plane in record.planes] == expected["heights"]
    messages = [conflict.message for conflict in conflicts(record)]
    assert len(messages) == len(expected["conflicts"])
    for part in expected["conflicts"]:
        assert any(part in message for message in messages), part
    values = condition_values(derive_condition(record))
    assert {n: values.get(n) for n in expected["condition"]} == expected["condition"]


@pytest.mark.parametrize("name", dict.fromkeys(name for name, _ in TABLE))
def test_every_known_value_says_where_it_stands_and_what_stood_there(real_data, name):
    for image in open_images(real_data / "vendor" / name):
        holders = [(image.record, IMAGE_FIELDS)]
        holders += [(channel, CHANNEL_FIELDS) for channel in image.record.channels]
        fields = [holder.get(n) for holder, names in holders for n in names]
        assert all(f.path and f.original is not None for f in fields if f.known)
        assert all(image.original_metadata().values())


@pytest.mark.parametrize("name", ["nd2/zstack.nd2", "nd2/multichannel.nd2"])
def test_pixels_of_nd2_are_those_of_nikons_reader(real_data, name):
    import nd2

    path = real_data / "vendor" / name
    np.testing.assert_array_equal(open_image(path).dask().compute(), nd2.imread(path))


@pytest.mark.parametrize("name", ["celldivision", "aics_s1", "testwell96_A9_1024x1024_Nuc"])
def test_pixels_of_czi_are_those_of_zeiss_library(real_data, name):
    czi = pytest.importorskip("pylibCZIrw.czi")
    path = real_data / f"vendor/czi/{name}.czi"
    image = open_image(path)
    with czi.open_czi(str(path)) as file:
        for t in range(image.size("T")):
            for z in range(image.size("Z")):
                same = file.read(plane={"C": 0, "Z": z, "T": t})
                np.testing.assert_array_equal(image.plane(z=z, t=t), same[..., 0])


def test_pixels_of_lif_are_those_of_liffile(real_data):
    import liffile

    path = real_data / "vendor/lif/xz_2ch.lif"
    with liffile.LifFile(path) as file:
        for stored, image in zip(file.images, open_images(path), strict=True):
            pixels = stored.asarray()
            if image.axes == "CZYX":
                pixels = pixels.transpose(1, 2, 0, 3)
            np.testing.assert_array_equal(image.dask().compute(), pixels)


FORMATS = (
    "nd2/zstack.nd2",
    "czi/celldivision.czi",
    "lif/xz_2ch.lif",
    "metamorph/imagexpress_metamorph.tif",
)


@pytest.mark.parametrize("name", FORMATS)
def test_images_can_be_sent_read_in_threads_and_their_files_moved(real_data, tmp_path, name):
    path = tmp_path / name.rsplit("/")[-1]
    path.write_bytes((real_data / "vendor" / name).read_bytes())
    image = pickle.loads(pickle.dumps(open_images(path)[-1]))  # noqa: S301
    first, read = image.plane(), []
    threads = [threading.Thread(target=lambda: read.append(image.plane())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(plane, first) for plane in read)
    assert len(read) == 8
    path.rename(tmp_path / "moved")
    with pytest.raises(InputError, match="no longer there"):
        image.plane()


def told(path):
    """What is read of a file: documents of its images, and a plane of each."""
    found = []
    for image in open_images(path):
        document = image_document(
            name=image.name, axes=image.axes, shape=image.shape, record=image.record
        )
        image.plane(c=image.size("C") - 1)
        found.append(document)
    return found


HOSTILE = [
    "nd2/cerevisiae.nd2",
    "nd2/zstack.nd2",
    "czi/aics_s1.czi",
    "czi/celldivision.czi",
    "lif/xz_2ch.lif",
    "metamorph/imagexpress_metamorph.tif",
    "micromanager/mm2_single.tif",
    "harmony/operetta_v5/Images/r03c03f01p01-ch1sk1fk1fl1.tiff",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_cut_file_is_refused_or_tells_the_same(real_data, tmp_path, name):
    raw = (real_data / "vendor" / name).read_bytes()
    whole, refused = told(real_data / "vendor" / name), 0
    cut = tmp_path / f"cut{name[-4:]}"
    lengths = [10, *np.linspace(100, len(raw) - 100, 25).astype(int), len(raw) - 8, len(raw) - 1]
    for length in lengths:
        cut.write_bytes(raw[:length])
        try:
            parts = [{**document, "name": ""} for document in told(cut)]
        except InputError:
            refused += 1
        else:
            assert parts == [{**document, "name": ""} for document in whole]
    assert refused >= len(lengths) - 3


@pytest.mark.parametrize("name", HOSTILE)
def test_flipped_bytes_are_refused_or_read_and_never_end_the_process(real_data, tmp_path, name):
    raw, choose = (real_data / "vendor" / name).read_bytes(), random.Random(name)
    flipped = tmp_path / f"flipped{name[-4:]}"
    for _ in range(40):
        copy = bytearray(raw)
        place = choose.choice([choose.randrange(4096), -1 - choose.randrange(4096)])
        copy[max(place, -len(raw)) % len(raw)] ^= 1 << choose.randrange(8)
        flipped.write_bytes(copy)
        try:
            told(flipped)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017
