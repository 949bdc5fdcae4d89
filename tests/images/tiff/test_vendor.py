"""What MetaXpress, Micro-Manager and Harmony write into TIFF files, read from files made here."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from napari_metaseg.acquisition.condition import condition_values, derive_condition
from napari_metaseg.acquisition.conflicts import conflicts
from napari_metaseg.images.open import open_image

PROPERTIES = {
    "spatial-calibration-state": "on",
    "spatial-calibration-x": "0.65",
    "spatial-calibration-y": "0.65",
    "spatial-calibration-units": "um",
    "image-name": "Cy5",
    "z-position": "9340.88",
    "camera-binning-x": "2",
    "wavelength": "670",
    "_IllumSetting_": "FITC_05",
    "_MagNA_": "0.75",
    "_MagRI_": "1.515",
    "_MagSetting_": "20X Plan Apo Lambda",
    "Exposure Time": "15 ms",
}


def metaseries(tmp_path, *pages):
    """A TIFF of a page for each dict of properties, which overwrite the usual ones."""
    path = tmp_path / "metaseries.tif"
    with tifffile.TiffWriter(path) as file:
        for page in pages or ({},):
            rows = "".join(
                f'<prop id="{n}" type="string" value="{v}"/>'
                for n, v in (PROPERTIES | page).items()
            )
            file.write(
                np.zeros((4, 6), np.uint16),
                description=f"<MetaData><PlaneInfo>{rows}</PlaneInfo></MetaData>",
                software="MetaSeries",
                metadata=None,
                photometric="minisblack",
            )
    return path


def test_metaxpress_objective_exposure_and_pixel_size(tmp_path):
    record = open_image(metaseries(tmp_path)).record
    objective = record.get("objective_nominal_magnification")
    assert (objective.value, objective.source) == (20.0, "inferred")
    assert (objective.path, objective.original) == (
        "PlaneInfo/_MagSetting_",
        "20X Plan Apo Lambda",
    )
    assert record.get("lens_na").value == 0.75
    assert record.get("pixel_size_x_um").value == 0.65
    exposure = record.channel(0).get("exposure_time_ms")
    assert (exposure.value, exposure.source, exposure.original) == (15.0, "file", "15 ms")
    assert record.channel(0).get("binning").value == 2.0
    assert record.plane(0, 0, 0).position_z_um == 9340.88
    values = condition_values(derive_condition(record))
    assert values["immersion"] == "Oil"
    assert values["modality"] == "fluorescence"
    assert "MetaSeries" in open_image(metaseries(tmp_path)).original_metadata()


@pytest.mark.parametrize(
    "changed",
    [
        {"spatial-calibration-state": "off"},
        {"spatial-calibration-units": "pixel"},
        {"spatial-calibration-x": "0"},
    ],
)
def test_what_metaxpress_did_not_calibrate_has_no_size(tmp_path, changed):
    record = open_image(metaseries(tmp_path, changed)).record
    assert not record.get("pixel_size_x_um").known


def test_zero_stands_for_what_metaxpress_does_not_know(tmp_path):
    zeros = {"_MagNA_": "0", "_MagRI_": "0", "z-position": "0", "wavelength": "0"}
    record = open_image(metaseries(tmp_path, zeros)).record
    assert not record.get("lens_na").known
    assert not record.get("refractive_index").known
    assert record.planes == ()
    assert not record.channel(0).get("emission_nm").known


def test_the_exposure_may_stand_in_the_description_alone(tmp_path):
    changed = {"Exposure Time": "", "Description": "Exposure: 2 s&#13;&#10;Acquired from X Camera"}
    record = open_image(metaseries(tmp_path, changed)).record
    assert record.channel(0).get("exposure_time_ms").value == 2000.0
    assert record.get("detector").value == "X"


def test_each_page_of_metaxpress_has_its_height(tmp_path):
    image = open_image(metaseries(tmp_path, *({"z-position": str(z)} for z in (5, 7, 9))))
    assert [plane.position_z_um for plane in image.record.planes] == [5.0, 7.0, 9.0]


def test_a_projection_is_told(tmp_path):
    changed = {"Z Projection Method": "Maximum", "Z Thickness": "50.28"}
    (notice,) = conflicts(open_image(metaseries(tmp_path, changed)).record)
    assert "a projection (maximum) over 50.28 µm" in notice.message


PLANE = {
    "Exposure-ms": 30,
    "ElapsedTime-ms": 1,
    "ZPositionUm": 12.5,
    "PixelSizeUm": 0.325,
    "Binning": "2x2",
    "Channel": "DAPI",
    "Camera": "cam",
}


def micromanager(tmp_path, *planes):
    """A TIFF with Micro-Manager's tag on each page."""
    path = tmp_path / "mm.tif"
    with tifffile.TiffWriter(path) as file:
        for plane in planes or ({},):
            text = plane if isinstance(plane, str) else json.dumps(PLANE | plane)
            file.write(
                np.zeros((4, 6), np.uint16),
                extratags=[(51123, "s", 0, text, True)],
                metadata=None,
                photometric="minisblack",
            )
    return path


def test_micromanager_states_exposure_height_pixel_size_and_binning(tmp_path):
    record = open_image(micromanager(tmp_path)).record
    channel = record.channel(0)
    assert channel.name == "DAPI"
    assert channel.get("exposure_time_ms").value == 30.0
    assert channel.get("exposure_time_ms").path == "TIFF tag 51123: Exposure-ms"
    assert (channel.get("binning").value, channel.get("binning").original) == (2.0, "2x2")
    assert channel.get("contrast_method").source == "inferred"
    assert record.get("pixel_size_x_um").value == 0.325
    assert record.plane(0, 0, 0).position_z_um == 12.5
    assert not record.get("objective_nominal_magnification").known


def test_a_pixel_size_of_zero_is_unknown_and_an_absurd_one_is_told(tmp_path):
    assert not open_image(micromanager(tmp_path, {"PixelSizeUm": 0})).record.fields.keys() & {
        "pixel_size_x_um"
    }
    record = open_image(micromanager(tmp_path, {"PixelSizeUm": 5e7})).record
    assert not record.get("pixel_size_x_um").known
    assert "which no microscope has" in record.reported[0].message


def test_what_varies_is_the_planes(tmp_path):
    planes = ({"Exposure-ms": 10, "ZPositionUm": 1}, {"Exposure-ms": 20, "ZPositionUm": 2})
    record = open_image(micromanager(tmp_path, *planes)).record
    assert not record.channel(0).get("exposure_time_ms").known
    found = [(p.z, p.exposure_time_ms, p.position_z_um) for p in record.planes]
    assert found == [(0, 10.0, 1.0), (1, 20.0, 2.0)]


def test_the_cameras_own_exposure_is_compared(tmp_path):
    wrapped = {"Core-Camera": {"PropVal": "cam"}, "cam-Exposure": {"PropVal": "10.0000"}}
    (conflict,) = open_image(micromanager(tmp_path, wrapped)).record.reported
    assert "Exposure-ms is 30, the camera's property cam-Exposure says 10 ms" in conflict.message


def test_micromanager_in_an_imagej_file(tmp_path):
    path = tmp_path / "ij.tif"
    info = json.dumps(PLANE)
    tifffile.imwrite(path, np.zeros((4, 6), np.uint16), imagej=True, metadata={"Info": info})
    record = open_image(path).record
    assert record.channel(0).get("exposure_time_ms").path == "ImageJ Info: Exposure-ms"
    assert open_image(path).original_metadata()["ImageJ Info"] == info


def test_damaged_metadata_are_told_and_the_rest_is_read(tmp_path):
    path = tmp_path / "ij.tif"
    metadata = {"Info": '{"Exposure-ms": 3', "unit": "um"}
    tifffile.imwrite(
        path, np.zeros((4, 6), np.uint16), imagej=True, resolution=(4, 4), metadata=metadata
    )
    record = open_image(path).record
    assert record.get("pixel_size_x_um").value == 0.25
    assert "Micro-Manager metadata cannot be read" in record.reported[0].message


HARMONY = """<TiffImageDescription xmlns="http://www.perkinelmer.com/PEHH/HarmonyV5">
<InstrumentDescription><Type>Phenix</Type><Magnification Unit="">1.25</Magnification>
<KnownObjectives><Objective><ID>A</ID><Name>10x Air, NA 0.3</Name><Magnification>10</Magnification>
<NumAperture>0.3</NumAperture></Objective><Objective><ID>B</ID><Name>40x Water, NA 1.1</Name>
<Magnification Unit="">40</Magnification><NumAperture Unit="">1.1</NumAperture>
<ImmersionRIndex Unit="">1.333</ImmersionRIndex></Objective></KnownObjectives>
<Cameras><Camera><ID>C1</ID><PixelSizeX Unit="m">0.0000065</PixelSizeX>
<PixelSizeY Unit="m">0.0000065</PixelSizeY></Camera></Cameras>
<Lightsources><DiscreteWavelength><ID>L</ID><IlluminationType>{light}</IlluminationType>
</DiscreteWavelength></Lightsources></InstrumentDescription>
<DeviceExperiment><Exposures><Exposure><Objective>A</Objective></Exposure>
<Exposure><Objective>B</Objective><Confocal>true</Confocal><Record/><Record>
<FocusSetting><Height Unit="m">-6E-06</Height></FocusSetting><LightsourceSettings>
<DiscreteWLLightsourceSetting><LightsourceID>L</LightsourceID></DiscreteWLLightsourceSetting>
</LightsourceSettings><Channels><Channel><Name>{name}</Name><CameraSetting><CameraID>C1</CameraID>
<Exposuretime Unit="s">0.06</Exposuretime><BinningX>2</BinningX><BinningY>2</BinningY>
</CameraSetting></Channel></Channels></Record></Exposure></Exposures>
<Stacks><Stack><Plane><Z Unit="m">1e-6</Z></Plane><Plane><Z Unit="m">3e-6</Z></Plane></Stack>
</Stacks></DeviceExperiment><Image><PlaneID>2</PlaneID><ExposureID>2</ExposureID>
<RecordID>2</RecordID><ChannelID>1</ChannelID></Image></TiffImageDescription>"""


def harmony(tmp_path, text):
    path = tmp_path / "harmony.tif"
    raw = text.encode()
    tifffile.imwrite(
        path,
        np.zeros((4, 6), np.uint16),
        extratags=[(65500, 7, len(raw), raw, True)],
        metadata=None,
    )
    return path


def test_harmonys_tag_names_the_objective_of_the_exposure(tmp_path):
    record = open_image(
        harmony(tmp_path, HARMONY.format(light="Epifluorescence", name="Alexa 488"))
    ).record
    assert record.get("objective_nominal_magnification").value == 40.0
    assert record.get("lens_na").value == 1.1
    medium = record.get("immersion")
    assert (medium.value, medium.source, medium.original) == (
        "Water",
        "inferred",
        "40x Water, NA 1.1",
    )
    size = record.get("pixel_size_x_um")
    assert (size.value, size.source) == (pytest.approx(6.5 * 2 / 40 / 1.25), "inferred")
    channel = record.channel(0)
    assert (channel.name, channel.get("exposure_time_ms").value) == ("Alexa 488", 60.0)
    assert channel.get("acquisition_mode").value == "SpinningDiskConfocal"
    assert record.plane(0, 0, 0).position_z_um == -3.0


def test_transmitted_light_in_harmony_is_what_the_channel_is_called(tmp_path):
    record = open_image(
        harmony(tmp_path, HARMONY.format(light="Transmitted", name="Brightfield high"))
    ).record
    assert condition_values(derive_condition(record))["modality"] == "brightfield"
    assert not record.channel(0).get("acquisition_mode").known


def test_a_broken_tag_is_told(tmp_path):
    record = open_image(harmony(tmp_path, HARMONY[:200])).record
    assert "Harmony metadata cannot be read" in record.reported[0].message
    bomb = "<!DOCTYPE a [<!ENTITY b 'c'>]>" + HARMONY
    assert not open_image(harmony(tmp_path, bomb)).record.fields
