from __future__ import annotations

import os

import numpy as np
import pytest
import tifffile

from napari_metaseg.acquisition.fields import FieldSpec
from napari_metaseg.acquisition.project import PROJECT_FILE, write_project
from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord, Field, PlaneRecord
from napari_metaseg.acquisition.statements import Statements
from napari_metaseg.errors import InputError
from napari_metaseg.events import Notice, Progress
from napari_metaseg.images.folder import FolderImage, cohort_rows
from napari_metaseg.images.sidecar import write_sidecar
from napari_metaseg.images.write import write_ome_tiff

HARMONY = """<?xml version="1.0" encoding="utf-8"?>
<EvaluationInputData xmlns="http://www.perkinelmer.com/PEHH/HarmonyV5" Version="1">
<Plates><Plate><PlateID>P1</PlateID><Name>P1</Name></Plate></Plates><Images>{images}</Images>
</EvaluationInputData>"""


def write(path, shape=(4, 5), axes="YX", record=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_ome_tiff(path, np.zeros(shape, np.uint8), axes, record)
    return path


def touch(path, content=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def rows(folder, pattern=""):
    return [e.row for e in cohort_rows(folder, pattern) if isinstance(e, FolderImage)]


def notices(folder, pattern=""):
    return [e.text for e in cohort_rows(folder, pattern) if isinstance(e, Notice)]


def names(folder, pattern=""):
    return [row.image.relative_to(folder).as_posix() for row in rows(folder, pattern)]


def masks(folder, pattern=""):
    return {
        row.image.name: row.labels and row.labels.relative_to(folder).as_posix()
        for row in rows(folder, pattern)
    }


def test_images_of_all_folders_in_the_order_that_people_count(tmp_path):
    for name in ("f10.tif", "f9.tif", "b/a2.tif", "b/a10.tif", "A.tif"):
        write(tmp_path / name)
    assert names(tmp_path) == ["A.tif", "b/a2.tif", "b/a10.tif", "f9.tif", "f10.tif"]


def test_what_is_no_image_is_passed_over(tmp_path):
    image = write(tmp_path / "a.ome.tif")
    write_sidecar(image, {"a": Statements({"magnification": 20.0})})
    write(tmp_path / ".hidden" / "x.tif")
    write(tmp_path / ".x.tif")
    write(tmp_path / "a.ome.tif.backup")
    write(tmp_path / "a.ome.tif.backup2")
    for name in ("notes.txt", "table.csv", "data.json", "report.pdf", "Thumbs.db", "roi.zip"):
        touch(tmp_path / name)
    write_project(tmp_path / PROJECT_FILE, [FieldSpec("stain", "text", "stain")])
    touch(tmp_path / "model" / "package.json", b"{}")
    write(tmp_path / "model" / "sample" / "image.tif")
    assert names(tmp_path) == ["a.ome.tif"]
    assert notices(tmp_path) == []


def test_results_of_a_prediction_are_passed_over(tmp_path):
    write(tmp_path / "a.tif")
    for name in ("a_labels", "a_classes", "a_probability"):
        write(tmp_path / "out" / f"{name}.ome.tif")
    touch(tmp_path / "out" / "predictions.json", b"[]")
    assert masks(tmp_path) == {"a.tif": None}


def test_a_link_that_leads_back_is_followed_once(tmp_path):
    write(tmp_path / "in" / "a.tif")
    (tmp_path / "in" / "again").symlink_to(tmp_path)
    assert names(tmp_path) == ["in/a.tif"]


def test_a_bad_file_is_named_and_the_others_are_taken(tmp_path):
    write(tmp_path / "a.tif")
    touch(tmp_path / "b.tif", b"II*\x00")
    touch(tmp_path / "c.tif", b"")
    touch(tmp_path / "d.oib", b"\xd0\xcf\x11\xe0 and more")
    assert names(tmp_path) == ["a.tif"]
    told = notices(tmp_path)
    assert len(told) == 3
    for name in ("b.tif", "c.tif", "d.oib"):
        assert any(name in text for text in told)


@pytest.mark.parametrize("content", [None, b"II*\x00"])
def test_a_folder_without_images_is_refused_with_the_way_out(tmp_path, content):
    if content:
        touch(tmp_path / "a.tif", content)
    with pytest.raises(InputError, match=r"no images in .*Give the folder"):
        list(cohort_rows(tmp_path))


def test_a_link_to_nowhere_is_named(tmp_path):
    write(tmp_path / "a.tif")
    (tmp_path / "b.tif").symlink_to(tmp_path / "moved.tif")
    assert names(tmp_path) == ["a.tif"]
    assert "b.tif: got no such file" in notices(tmp_path)[0]


def test_what_is_no_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no folder at"):
        list(cohort_rows(tmp_path / "none"))


@pytest.mark.parametrize(
    "mask",
    [
        "a_labels.ome.tif",
        "a_mask.png",
        "a_masks.tif",
        "a_classes.tif",
        "labels/a.png",
        "masks/a_mask.tif",
        "../labels/a.tif",
    ],
)
def test_masks_of_the_usual_names_are_found_and_are_no_images(tmp_path, mask):
    write(tmp_path / "images" / "a.ome.tif")
    write(tmp_path / "images" / "b.ome.tif")
    path = tmp_path / "images" / mask
    if mask.endswith("png"):
        from PIL import Image

        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((4, 5), np.uint8)).save(path)
    else:
        write(path)
    expected = os.path.normpath(f"images/{mask}")
    found = {name: mask and os.path.normpath(mask) for name, mask in masks(tmp_path).items()}
    assert found == {"a.ome.tif": expected, "b.ome.tif": None}
    kind = "classes" if "classes" in mask else "instances"
    assert rows(tmp_path)[0].label_kind == kind


@pytest.mark.parametrize(
    ("pattern", "mask"),
    [
        ("masks/{stem}_mask.tif", "x/masks/a_mask.tif"),
        ("{stem}_*.tif", "x/a_hand.tif"),
        ("../truth/{name}", "truth/a.ome.tif"),
        ("truth/{parent}/{stem}.tif", "truth/x/a.tif"),
        ("**/{stem}_gt.tif", "x/deep/er/a_gt.tif"),
    ],
)
def test_masks_are_found_by_a_pattern(tmp_path, pattern, mask):
    write(tmp_path / "x" / "a.ome.tif")
    write(tmp_path / mask)
    found = {
        name: mask and os.path.normpath(mask) for name, mask in masks(tmp_path, pattern).items()
    }
    assert found == {"a.ome.tif": mask}


def test_characters_that_mean_something_in_a_pattern_are_themselves_in_names(tmp_path):
    write(tmp_path / "a[1].tif")
    write(tmp_path / "a1_mask.tif")
    write(tmp_path / "a[1]_mask.tif")
    assert masks(tmp_path, "{stem}_mask.tif")["a[1].tif"] == "a[1]_mask.tif"
    assert masks(tmp_path)["a[1].tif"] == "a[1]_mask.tif"


def test_capitals_in_a_mask_s_name_do_not_matter(tmp_path):
    write(tmp_path / "A.OME.TIF")
    write(tmp_path / "A_MASK.TIF")
    write(tmp_path / "b.tif")
    write(tmp_path / "b_Mask.tif")
    write(tmp_path / "b_mask.tif")
    assert masks(tmp_path) == {"A.OME.TIF": "A_MASK.TIF", "b.tif": "b_mask.tif"}


def test_the_labels_within_an_ome_zarr_are_its_mask(tmp_path):
    pytest.importorskip("ome_zarr", minversion="0.18")
    from napari_metaseg.images.zarr.write import write_zarr_image, write_zarr_labels

    image = tmp_path / "a.ome.zarr"
    write_zarr_image(image, np.zeros((4, 5), np.uint8), "YX", AcquisitionRecord())
    assert masks(tmp_path) == {"a.ome.zarr": None}
    write_zarr_labels(image, "nuclei", np.zeros((4, 5), np.uint32), "YX", None)
    assert masks(tmp_path) == {"a.ome.zarr": "a.ome.zarr/labels/nuclei"}
    write_zarr_labels(image, "cells", np.zeros((4, 5), np.uint32), "YX", None)
    assert "2 masks fit" in notices(tmp_path)[0]


def test_several_masks_for_one_image_are_told_and_none_is_taken(tmp_path):
    write(tmp_path / "a.tif")
    write(tmp_path / "a_mask.tif")
    write(tmp_path / "a_mask.ome.tif")
    assert masks(tmp_path) == {"a.tif": None}
    assert "2 masks fit" in notices(tmp_path)[0]


def test_a_mask_without_its_image_is_told_and_is_no_image(tmp_path):
    write(tmp_path / "a.tif")
    write(tmp_path / "b_mask.tif")
    assert names(tmp_path) == ["a.tif"]
    assert "b_mask.tif is named like a mask" in notices(tmp_path)[0]


@pytest.mark.parametrize("pattern", ["mask.tif", "{stem", "{name!x}", "{other}", "{0}", "{}"])
def test_what_is_no_pattern_is_refused(tmp_path, pattern):
    write(tmp_path / "a.tif")
    with pytest.raises(InputError, match="cannot match masks by the pattern"):
        list(cohort_rows(tmp_path, pattern))


def test_the_condition_is_what_is_known_of_the_whole_image(tmp_path):
    record = AcquisitionRecord(
        {"objective_nominal_magnification": Field(40.0, "file")},
        (ChannelRecord("a", {"contrast_method": Field("Phase", "file")}),),
        (
            PlaneRecord(0, 0, 0, exposure_time_ms=5.0, plane_offset_um=-1.0),
            PlaneRecord(0, 1, 0, exposure_time_ms=6.0, plane_offset_um=1.0),
        ),
    )
    image = write(tmp_path / "a.ome.tif", (2, 4, 5), "ZYX", record)
    write_sidecar(image, {"a": Statements({"immersion": "Oil", "cell line": "HeLa"})})
    (row,) = rows(tmp_path)
    assert row.stated == {
        "magnification": 40.0,
        "modality": "phase contrast",
        "immersion": "Oil",
        "cell line": "HeLa",
    }
    assert (row.z, row.t, row.channel, row.scene, row.sample) == (None, None, "", "", "a")


def test_what_varies_over_time_is_left_empty(tmp_path):
    planes = tuple(PlaneRecord(0, 0, t, plane_offset_um=float(t)) for t in range(3))
    record = AcquisitionRecord(channels=(ChannelRecord("a"),), planes=planes)
    write(tmp_path / "a.ome.tif", (3, 4, 5), "TYX", record)
    assert rows(tmp_path)[0].stated == {}


def test_what_channels_do_not_share_is_left_to_the_channel_that_is_chosen(tmp_path):
    channels = [{"exposure_time_ms": 20.0}, {"exposure_time_ms": 1000.0}]
    for channel, contrast in zip(channels, ("DIC", "Fluorescence"), strict=True):
        channel["contrast_method"] = contrast
    record = AcquisitionRecord(
        {"objective_nominal_magnification": Field(20.0, "file")},
        tuple(ChannelRecord("", {n: Field(v, "file") for n, v in c.items()}) for c in channels),
    )
    write(tmp_path / "a.ome.tif", (2, 4, 5), "CYX", record)
    assert rows(tmp_path)[0].stated == {"magnification": 20.0}


def test_each_scene_is_a_row_and_the_file_their_group(tmp_path):
    with tifffile.TiffWriter(tmp_path / "two.tif", ome=True) as writer:
        for name in ("left", "right"):
            writer.write(np.zeros((4, 5), np.uint8), metadata={"Name": name})
    found = rows(tmp_path)
    assert [(row.scene, row.sample, row.group) for row in found] == [
        ("left", "two left", "two.tif"),
        ("right", "two right", "two.tif"),
    ]


def test_a_plate_is_one_row_per_field_grouped_by_well(tmp_path):
    entry = (
        "<Image><id>{r}{f}</id><URL>{url}</URL><Row>{r}</Row><Col>1</Col><FieldID>{f}</FieldID>"
        "<PlaneID>1</PlaneID><TimepointID>1</TimepointID><ChannelID>1</ChannelID>"
        "<ChannelName>DAPI</ChannelName><ImageSizeX>5</ImageSizeX><ImageSizeY>4</ImageSizeY>"
        "<ImageResolutionX Unit='m'>1e-6</ImageResolutionX>"
        "<ImageResolutionY Unit='m'>1e-6</ImageResolutionY></Image>"
    )
    images = ""
    for r, f in ((1, 1), (1, 2), (2, 1)):
        url = f"r0{r}c01f0{f}p01-ch1sk1fk1fl1.tiff"
        (tmp_path / "plate" / "Images").mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(tmp_path / "plate" / "Images" / url, np.zeros((4, 5), np.uint16))
        images += entry.format(r=r, f=f, url=url)
    (tmp_path / "plate" / "Images" / "Index.idx.xml").write_text(HARMONY.format(images=images))
    write(tmp_path / "plate" / "overview.tif")
    found = rows(tmp_path)
    assert [(row.group, row.sample) for row in found[:3]] == [
        ("P1 A01", "A01 field 1"),
        ("P1 A01", "A01 field 2"),
        ("P1 B01", "B01 field 1"),
    ]
    assert [row.image.name for row in found] == [*["Index.idx.xml"] * 3, "overview.tif"]
    assert len({row.scene for row in found[:3]}) == 3


def test_a_set_of_files_is_one_image(tmp_path):
    for name in ("a", "b"):
        xml = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{name}"'
            '><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8"'
            ' SizeX="6" SizeY="4" SizeZ="2" SizeC="1" SizeT="1"><Channel ID="Channel:0:0"/>'
            '<TiffData IFD="0" FirstZ="0"><UUID FileName="a.ome.tif">urn:uuid:a</UUID></TiffData>'
            '<TiffData IFD="0" FirstZ="1"><UUID FileName="b.ome.tif">urn:uuid:b</UUID></TiffData>'
            "</Pixels></Image></OME>"
        )
        tifffile.imwrite(
            tmp_path / f"{name}.ome.tif", np.zeros((4, 6), np.uint8), description=xml, metadata=None
        )
    assert names(tmp_path) == ["a.ome.tif"]


def test_progress_counts_the_files(tmp_path):
    for name in ("a.tif", "b.tif"):
        write(tmp_path / name)
    events = [e for e in cohort_rows(tmp_path) if isinstance(e, Progress)]
    assert [(e.done, e.total) for e in events] == [(0, 2), (1, 2), (2, 2)]
