from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    ChannelRecord,
    Conflict,
    Field,
    PlaneRecord,
)
from napari_metaseg.errors import InputError
from napari_metaseg.images.info import file_document, file_table
from napari_metaseg.images.write import write_ome_tiff

RECORD = AcquisitionRecord(
    fields={
        "objective_nominal_magnification": Field(40.0, "file"),
        "pixel_size_x_um": Field(2.958, "file"),
        "pixel_size_y_um": Field(2.958, "file"),
    },
    channels=(
        ChannelRecord(
            "TL", {"contrast_method": Field("Phase"), "exposure_time_ms": Field(40.0, "file")}
        ),
    ),
    planes=tuple(PlaneRecord(0, z, 0, z - 10.0, plane_offset_um=z - 10.0) for z in range(20)),
)


@pytest.fixture
def stack(tmp_path):
    path = tmp_path / "stack.ome.tif"
    write_ome_tiff(path, np.zeros((20, 8, 8), np.uint8), "ZYX", RECORD, name="series")
    return path


def test_the_document_has_exactly_the_agreed_keys(stack):
    document = file_document(stack)
    assert set(document) == {"file", "images"}
    (image,) = document["images"]
    assert set(image) == {
        "name", "axes", "shape", "condition", "fields", "channels", "planes", "conflicts",
    }  # fmt: skip
    assert (image["name"], image["axes"], image["shape"]) == ("series", "ZYX", [20, 8, 8])
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_a_known_field_has_value_source_path_and_original_a_missing_one_says_so(stack):
    fields = file_document(stack)["images"][0]["fields"]
    assert fields["objective_nominal_magnification"] == {
        "value": 40.0,
        "source": "file",
        "path": "Objective[Objective:0]/@NominalMagnification",
        "original": "40.0",
    }
    assert fields["lens_na"] == {"value": None, "source": "missing"}


def test_the_condition_leaves_what_varies_open(stack):
    condition = file_document(stack)["images"][0]["condition"]
    assert condition["modality"] == "phase contrast"
    assert condition["exposure_ms"] == 40.0
    assert condition["plane_offset_um"] is None
    assert condition["immersion"] is None


def test_planes_and_channels_are_complete(stack):
    image = file_document(stack)["images"][0]
    assert image["planes"][3] == {
        "c": 0,
        "z": 3,
        "t": 0,
        "position_z_um": -7.0,
        "exposure_time_ms": 40.0,
        "plane_offset_um": -7.0,
    }
    assert len(image["planes"]) == 20
    (channel,) = image["channels"]
    assert channel["name"] == "TL"
    assert channel["fields"]["contrast_method"]["value"] == "Phase"
    assert channel["fields"]["binning"] == {"value": None, "source": "missing"}


def test_conflicts_are_listed(stack):
    (conflict,) = file_document(stack)["images"][0]["conflicts"]
    assert conflict["fields"] == ["magnification", "pixel_size_um"]


def test_the_table_shows_values_with_unit_and_source(stack):
    table = file_table(stack)
    assert "series   ZYX 20 × 8 × 8   uint8" in table
    assert "magnification    40x" in table
    assert "2.958 µm" in table
    assert "file: Objective[Objective:0]/@NominalMagnification" in table
    assert "-10 µm … +9 µm" in table
    assert "yes / no" in table


def test_the_table_names_what_is_unknown_in_one_line(stack):
    assert "unknown          plane, immersion" in file_table(stack)


def test_the_table_marks_conflicts_and_abbreviates_planes(stack):
    table = file_table(stack)
    assert "! magnification, pixel_size_um: 40x at 2.958 µm/px" in table
    assert "… 13 more (all with --json) …" in table
    assert len(table.splitlines()) < 40


def test_a_notice_about_nothing_in_particular_has_no_field(tmp_path):
    record = AcquisitionRecord(reported=(Conflict((), "something odd"),))
    write_ome_tiff(tmp_path / "a.ome.tif", np.zeros((4, 4), np.uint8), "YX", record)
    assert "    ! something odd" in file_table(tmp_path / "a.ome.tif")


def test_many_channels_are_abbreviated(tmp_path):
    names = [f"marker {i}" for i in range(9)]
    path = tmp_path / "many.ome.tif"
    write_ome_tiff(path, np.zeros((9, 4, 4), np.uint8), "CYX", channel_names=names)
    table = file_table(path)
    assert "channel 5 marker 5" in table
    assert "… and 3 more channels" in table
    assert len(file_document(path)["images"][0]["channels"]) == 9


def test_a_png_says_that_nothing_is_known(tmp_path):
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(tmp_path / "a.png")
    document = file_document(tmp_path / "a.png")["images"][0]
    assert set(document["condition"].values()) == {None}
    assert document["channels"][0]["name"] == ""


def test_every_scene_is_described(tmp_path):
    path = tmp_path / "scenes.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tiff:
        for name in ("left", "right"):
            tiff.write(np.zeros((4, 4), np.uint8), metadata={"axes": "YX", "Name": name})
    assert [i["name"] for i in file_document(path)["images"]] == ["left", "right"]
    assert "  left " in file_table(path)
    assert "  right " in file_table(path)


def test_no_pixels_are_read(stack, page_reads):
    file_document(stack)
    file_table(stack)
    assert page_reads == []


def test_what_cannot_be_read_is_one_error(tmp_path):
    (tmp_path / "a.tif").write_text("no image")
    for describe in (file_document, file_table):
        with pytest.raises(InputError, match="a text file"):
            describe(tmp_path / "a.tif")
