from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ome_zarr", minversion="0.18", reason="the extra zarr is not installed")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    ChannelRecord,
    Conflict,
    Field,
    PlaneRecord,
)
from napari_metaseg.errors import InputError
from napari_metaseg.images.labels import read_labels
from napari_metaseg.images.open import open_images
from napari_metaseg.images.write import write_ome_tiff
from napari_metaseg.images.zarr import label_group, write
from napari_metaseg.images.zarr.write import (
    write_zarr_image,
    write_zarr_label_image,
    write_zarr_labels,
)

RECORD = AcquisitionRecord(
    fields={
        "objective_nominal_magnification": Field(40.0, "file", "Objective/@Nominal", "40"),
        "pixel_size_x_um": Field(0.325, "file", "Pixels/@X", "325 nm"),
        "pixel_size_y_um": Field(0.325, "file", "Pixels/@Y", "325 nm"),
        "pixel_size_z_um": Field(2.0, "inferred", "from plane to plane"),
    },
    channels=(
        ChannelRecord("DAPI", {"exposure_time_ms": Field(15.0, "file")}),
        ChannelRecord("GFP", {"contrast_method": Field("Fluorescence", "inferred")}),
    ),
    planes=(PlaneRecord(0, 1, 0, 3.5, plane_offset_um=-1.25),),
    reported=(Conflict(("lens_na",), "it is not there"),),
).declare({"cell_line": "HeLa", "in_focus": True}, path="cohort.csv")


def pixels_of(shape, dtype=np.uint16, seed=0):
    return np.random.default_rng(seed).integers(0, 100, shape).astype(dtype)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_image_comes_back_with_its_pixels_and_whole_record(tmp_path, version):
    path, pixels = tmp_path / "image.ome.zarr", pixels_of((2, 3, 40, 50))
    write_zarr_image(path, pixels, "CZYX", RECORD, version=version)
    (image,) = open_images(path)
    assert (image.name, image.axes, image.dtype) == ("image", "CZYX", np.uint16)
    assert np.array_equal(image.dask().compute(), pixels)
    assert image.record == RECORD


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_the_scale_and_units_written_are_the_records(tmp_path, version):
    path = tmp_path / "image.zarr"
    write_zarr_image(path, pixels_of((2, 3, 40, 50)), "CZYX", RECORD, version=version)
    stored = json.loads((path / ("zarr.json" if version == "0.5" else ".zattrs")).read_text())
    attributes = stored["attributes"]["ome"] if version == "0.5" else stored
    (entry,) = attributes["multiscales"]
    assert [a["name"] for a in entry["axes"]] == ["c", "z", "y", "x"]
    assert [a.get("unit") for a in entry["axes"]] == [None, *["micrometer"] * 3]
    transformation = entry["datasets"][0]["coordinateTransformations"][0]
    assert transformation == {"type": "scale", "scale": [1.0, 2.0, 0.325, 0.325]}
    assert [c["label"] for c in attributes["omero"]["channels"]] == ["DAPI", "GFP"]


def test_other_programs_find_the_record_in_the_ome_xml(tmp_path):
    from ome_types import from_xml

    write_zarr_image(tmp_path / "a.zarr", pixels_of((2, 3, 40, 50)), "CZYX", RECORD)
    ome = from_xml((tmp_path / "a.zarr" / "OME" / "METADATA.ome.xml").read_text())
    assert ome.instruments[0].objectives[0].nominal_magnification == 40
    assert ome.images[0].pixels.size_c == 2


def test_without_our_attribute_the_ome_xml_gives_the_record(tmp_path):
    path = tmp_path / "a.zarr"
    write_zarr_image(path, pixels_of((2, 3, 40, 50)), "CZYX", RECORD)
    meta = json.loads((path / "zarr.json").read_text())
    del meta["attributes"]["napari-metaseg"]
    (path / "zarr.json").write_text(json.dumps(meta))
    record = open_images(path)[0].record
    assert record.get("objective_nominal_magnification").value == 40
    assert record.channels[0].get("exposure_time_ms").value == 15
    assert record.get("cell_line").value == "HeLa"


SHAPES = {
    "YX": (7, 9), "CYX": (2, 7, 9), "ZYX": (3, 7, 9), "TYX": (2, 7, 9), "TCZYX": (2, 3, 2, 5, 4),
    "YXC": (7, 9, 2), "XYZ": (7, 9, 3), "ZCYX": (1, 2, 4, 4), "YXS": (7, 9, 3),
    "ZYXS": (2, 5, 6, 3),
}  # fmt: skip


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    axes=st.sampled_from(sorted(SHAPES)),
    dtype=st.sampled_from(["u1", "u2", "u4", "i2", "i4", "i8", "u8", "f4", "f8", "?"]),
    version=st.sampled_from(["0.4", "0.5"]),
    value=st.floats(0.01, 50, allow_nan=False),
    word=st.text(min_size=1, max_size=20),
    offset=st.floats(-50, 50, allow_nan=False),
)
def test_any_axes_types_and_values_come_back(
    tmp_path_factory, axes, dtype, version, value, word, offset
):
    path = tmp_path_factory.mktemp("any") / "a.zarr"
    pixels = pixels_of(SHAPES[axes], np.dtype(dtype), seed=len(word))
    record = AcquisitionRecord(
        {f"pixel_size_{a}_um": Field(value, "file", word, word) for a in "xy"},
        (ChannelRecord(word),) * (pixels.shape[axes.index("C")] if "C" in axes else 1),
        (PlaneRecord(0, 0, 0, offset, plane_offset_um=offset),),
    ).declare({"cell_line": word})
    write_zarr_image(path, pixels, axes, record, version=version)
    (image,) = open_images(path)
    kept = [a for a in "TCZYXS" if a in axes and (a in "YXS" or SHAPES[axes][axes.index(a)] > 1)]
    assert image.axes == "".join(kept)
    expected = pixels.transpose([axes.index(a) for a in "TCZYXS" if a in axes])
    assert np.array_equal(image.dask().compute(), expected.reshape(image.shape))
    assert image.record == record


def test_an_opened_image_is_copied_plane_by_plane_with_its_record(tmp_path, page_reads):
    write_ome_tiff(tmp_path / "a.ome.tif", pixels_of((2, 3, 40, 50)), "CZYX", RECORD)
    (source,) = open_images(tmp_path / "a.ome.tif")
    write_zarr_image(tmp_path / "a.zarr", source)
    assert sorted(page_reads) == [0, 1, 2, 3, 4, 5]
    (copy,) = open_images(tmp_path / "a.zarr")
    assert copy.record == source.record
    assert np.array_equal(copy.dask().compute(), source.dask().compute())


def test_a_large_image_has_a_pyramid_and_is_read_at_full_resolution(tmp_path):
    pixels = pixels_of((600, 1100))
    write_zarr_image(tmp_path / "a.zarr", pixels, "YX")
    (image,) = open_images(tmp_path / "a.zarr")
    assert np.array_equal(image.plane(), pixels)
    levels = [p for p in (tmp_path / "a.zarr").iterdir() if (p / "zarr.json").is_file()]
    assert len(levels) == 2


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((4, 4), "CYX"), ((4, 4), "YY"), ((4, 4), "QX"), ((0, 4), "YX"), ((4, 4, 2), "YXS")],
)
def test_axes_that_are_no_images_are_refused(tmp_path, shape, axes):
    with pytest.raises(InputError, match="cannot write these pixels"):
        write_zarr_image(tmp_path / "a.zarr", np.zeros(shape, np.uint8), axes)
    with pytest.raises(InputError, match="complex"):
        write_zarr_image(tmp_path / "a.zarr", np.zeros((4, 4), complex), "YX")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_replaced_only_where_it_is_ours_and_asked_for(tmp_path):
    path = tmp_path / "a.zarr"
    write_zarr_image(path, pixels_of((8, 8)), "YX")
    with pytest.raises(InputError, match="an OME-Zarr is there"):
        write_zarr_image(path, pixels_of((8, 8), seed=1), "YX")
    write_zarr_image(path, pixels_of((8, 8), seed=1), "YX", overwrite=True)
    assert np.array_equal(open_images(path)[0].plane(), pixels_of((8, 8), seed=1))
    (tmp_path / "thesis").mkdir()
    with pytest.raises(InputError, match="something else is there"):
        write_zarr_image(tmp_path / "thesis", pixels_of((8, 8)), "YX", overwrite=True)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_stand_in_the_image_and_name_their_source(tmp_path, version):
    path = tmp_path / "a.zarr"
    write_zarr_image(path, pixels_of((2, 40, 50)), "CYX", RECORD, version=version)
    labels = pixels_of((40, 50), np.int32)
    folder = write_zarr_labels(path, "nuclei", labels, "YX", RECORD)
    assert folder == path / "labels" / "nuclei"
    assert np.array_equal(read_labels(folder), labels)
    name = "zarr.json" if version == "0.5" else ".zattrs"
    stored = json.loads((folder / name).read_text())
    attributes = stored["attributes"]["ome"] if version == "0.5" else stored
    assert attributes["image-label"]["source"] == {"image": "../../"}
    write_zarr_labels(path, "cells", labels, "YX")
    assert [image.name for image in open_images(path / "labels")] == ["nuclei", "cells"]
    write_zarr_labels(path, "nuclei", labels * 0, "YX")
    assert not read_labels(folder).any()
    assert open_images(path)[0].record == RECORD
    own = open_images(folder)[0].record
    assert own.fields == RECORD.fields
    assert [channel.name for channel in own.channels] == ["DAPI"]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_ome_zarrs_own_reader_finds_image_scale_and_labels(tmp_path, version):
    from ome_zarr.format import FormatV04, FormatV05
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    path = tmp_path / "a.zarr"
    write_zarr_image(path, pixels_of((2, 3, 40, 50)), "CZYX", RECORD, version=version)
    write_zarr_labels(path, "nuclei", pixels_of((3, 40, 50), np.int32), "ZYX")
    form = FormatV05() if version == "0.5" else FormatV04()
    image, *_, labels = Reader(parse_url(str(path), fmt=form))()
    scales = [node.metadata["coordinateTransformations"][0][0]["scale"] for node in (image, labels)]
    assert scales == [[1.0, 2.0, 0.325, 0.325], [2.0, 0.325, 0.325]]
    assert labels.metadata["name"] == "nuclei"


def test_labels_by_themselves_carry_the_images_record(tmp_path):
    labels = pixels_of((40, 50), np.int32)
    write_zarr_label_image(tmp_path / "a_labels.ome.zarr", labels, "YX", RECORD)
    (image,) = open_images(tmp_path / "a_labels.ome.zarr")
    assert image.record == RECORD
    assert np.array_equal(read_labels(tmp_path / "a_labels.ome.zarr"), labels)


def test_a_pyramid_of_labels_makes_up_no_new_numbers(tmp_path):
    labels = np.zeros((600, 600), np.int32)
    labels[::2, ::2] = 7
    labels[1::2, 1::2] = 90
    write_zarr_label_image(tmp_path / "a.zarr", labels, "YX")
    import zarr

    levels = [zarr.open_array(str(p), mode="r")[:] for p in (tmp_path / "a.zarr").glob("s*")]
    assert len(levels) == 2
    assert all(set(np.unique(level)) <= {0, 7, 90} for level in levels)


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a\\b", "c:d", ".."])
def test_names_that_are_no_folders_are_refused(tmp_path, name):
    write_zarr_image(tmp_path / "a.zarr", pixels_of((8, 8)), "YX")
    with pytest.raises(InputError, match="name of labels"):
        write_zarr_labels(tmp_path / "a.zarr", name, pixels_of((8, 8)), "YX")


def test_labels_that_do_not_fit_are_refused_and_leave_no_trace(tmp_path):
    path = tmp_path / "a.zarr"
    write_zarr_image(path, pixels_of((8, 8)), "YX")
    before = snapshot(path)
    for shape, axes, kind in (
        ((9, 8), "YX", np.int32),
        ((3, 8, 8), "ZYX", np.int32),
        ((8, 8), "YX", np.float32),
        ((8, 8, 3), "YXS", np.uint8),
    ):
        with pytest.raises(InputError):
            write_zarr_labels(path, "n", np.zeros(shape, kind), axes)
    with pytest.raises(InputError, match="no group of a zarr"):
        write_zarr_labels(tmp_path / "absent.zarr", "n", np.zeros((8, 8), np.int32), "YX")
    assert snapshot(path) == before


def test_labels_belong_to_one_image_and_not_to_a_series_or_a_list(tmp_path):
    root = tmp_path / "series.zarr"
    root.mkdir()
    attributes = {"ome": {"bioformats2raw.layout": 3}}
    meta = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    (root / "zarr.json").write_text(json.dumps(meta))
    write_zarr_image(root / "0", pixels_of((8, 8)), "YX")
    labels = pixels_of((8, 8), np.int32)
    with pytest.raises(InputError, match="is not one image"):
        write_zarr_labels(root, "n", labels, "YX")
    write_zarr_labels(root / "0", "n", labels, "YX")
    with pytest.raises(InputError, match="is not one image"):
        write_zarr_labels(root / "0" / "labels", "n", labels, "YX")


def snapshot(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.zarr"
    write_zarr_image(path, pixels_of((8, 8)), "YX", RECORD)
    before = snapshot(path)

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write, "_write_xml", full)
    with pytest.raises(OSError, match="No space left"):
        write_zarr_image(path, pixels_of((8, 8), seed=1), "YX", overwrite=True)
    assert snapshot(path) == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("stage", ["_write_group", "list_label"])
def test_a_label_that_is_interrupted_leaves_image_and_other_labels_as_they_were(
    tmp_path, monkeypatch, stage, version
):
    path = tmp_path / "a.zarr"
    write_zarr_image(path, pixels_of((8, 8)), "YX", RECORD, version=version)
    write_zarr_labels(path, "old", pixels_of((8, 8), np.int32), "YX")
    before = snapshot(path)

    def killed(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(write, stage, killed)
    with pytest.raises(KeyboardInterrupt):
        write_zarr_labels(path, "new", pixels_of((8, 8), np.int32), "YX")
    after = snapshot(path)
    assert {name: after[name] for name in before} == before
    assert open_images(path)[0].record == RECORD
    assert [image.name for image in open_images(path / "labels")] == ["old"]


def test_a_full_disk_while_the_labels_are_listed_keeps_the_old_list(tmp_path, monkeypatch):
    path = tmp_path / "a.zarr"
    write_zarr_image(path, pixels_of((8, 8)), "YX")
    write_zarr_labels(path, "old", pixels_of((8, 8), np.int32), "YX")
    monkeypatch.setattr(label_group.json, "dumps", lambda *_a, **_o: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        label_group.list_label(path / "labels", "new", "0.5")
    monkeypatch.undo()
    assert [image.name for image in open_images(path / "labels")] == ["old"]


def test_without_the_library_the_way_out_is_named(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ome_zarr", None)
    monkeypatch.setitem(sys.modules, "ome_zarr.writer", None)
    with pytest.raises(InputError, match=r"pip install 'napari-metaseg\[zarr\]'"):
        write_zarr_image(tmp_path / "a.zarr", pixels_of((8, 8)), "YX")
    assert list(tmp_path.iterdir()) == []


def test_a_dask_array_is_computed_chunk_by_chunk_while_it_is_written(tmp_path):
    import dask.array as da

    asked = []

    def part(block_info):
        asked.append(block_info[None]["chunk-location"])
        return np.full(block_info[None]["chunk-shape"], len(asked), np.uint16)

    lazy = da.map_blocks(
        part, chunks=((1024, 376), (1024, 76)), dtype=np.uint16, meta=np.empty((0, 0))
    )
    asked.clear()
    write_zarr_image(tmp_path / "a.ome.zarr", lazy, "YX")
    assert sorted(asked) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    (image,) = open_images(tmp_path / "a.ome.zarr")
    assert image.shape == (1400, 1100)
    assert image.plane().min() > 0
