from __future__ import annotations

import json
import pickle
import random
import shutil
import sys

import numpy as np
import pytest

pytest.importorskip("ome_zarr", minversion="0.18", reason="the extra zarr is not installed")

import zarr

from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_images
from napari_metaseg.images.protocol import WellField


def write_array(folder, pixels, *, form=3, chunks=None):
    """An array as zarr itself writes it."""
    array = zarr.create_array(
        str(folder), shape=pixels.shape, dtype=pixels.dtype, zarr_format=form,
        chunks=chunks or pixels.shape, overwrite=True,
    )  # fmt: skip
    array[...] = pixels


def axis(name, unit=None):
    kind = {"t": "time", "c": "channel"}.get(name, "space")
    return {"name": name, "type": kind} | ({"unit": unit} if unit else {})


def write_image(folder, pixels, axes, *, form=3, chunks=None, scale=None, units=None, **more):
    """An NGFF image with exactly these metadata."""
    folder.mkdir(parents=True, exist_ok=True)
    write_array(folder / "0", pixels, form=form, chunks=chunks)
    dataset = {"path": "0"}
    if scale:
        dataset["coordinateTransformations"] = [{"type": "scale", "scale": scale}]
    names = [axis(a, (units or {}).get(a)) for a in axes]
    entry = {"axes": names, "datasets": [dataset]} | more.pop("entry", {})
    write_attributes(folder, {"multiscales": [entry], **more}, form)
    return folder


def write_attributes(folder, attributes, form=3):
    folder.mkdir(parents=True, exist_ok=True)
    if form == 2:
        (folder / ".zgroup").write_text('{"zarr_format": 2}')
        (folder / ".zattrs").write_text(json.dumps(attributes))
    else:
        ome = {"version": "0.5", **attributes}
        meta = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": ome}}
        (folder / "zarr.json").write_text(json.dumps(meta))


def pixels_of(*shape):
    return np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)


@pytest.fixture
def chunk_reads(monkeypatch):
    """The names of the chunk files that were asked for, in order."""
    from zarr.storage import LocalStore

    reads = []
    original = LocalStore.get

    async def counted(self, key, *args, **kwargs):
        if not key.endswith((".json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")):
            reads.append(key)
        return await original(self, key, *args, **kwargs)

    monkeypatch.setattr(LocalStore, "get", counted)
    return reads


@pytest.mark.parametrize("form", [2, 3])
def test_planes_are_read_one_by_one_from_their_own_chunks(tmp_path, chunk_reads, form):
    pixels = pixels_of(2, 3, 4, 5)
    path = write_image(tmp_path / "a.zarr", pixels, "czyx", form=form, chunks=(1, 1, 4, 5))
    (image,) = open_images(path)
    assert (image.name, image.axes, image.shape) == ("a", "CZYX", (2, 3, 4, 5))
    assert chunk_reads == []
    assert np.array_equal(image.plane(c=1, z=2), pixels[1, 2])
    assert len(chunk_reads) == 1
    assert image.dask().chunks == ((1, 1), (1, 1, 1), (4,), (5,))
    assert np.array_equal(image.dask().compute(), pixels)


@pytest.mark.parametrize(
    ("axes", "shape", "ours"),
    [
        ("yx", (4, 5), "YX"),
        ("xy", (5, 4), "YX"),
        ("yxc", (4, 5, 2), "CYX"),
        ("tcyx", (2, 1, 4, 5), "TYX"),
    ],
)
def test_axes_stand_in_any_order(tmp_path, axes, shape, ours):
    pixels = pixels_of(*shape)
    (image,) = open_images(write_image(tmp_path / "a.zarr", pixels, axes))
    assert image.axes == ours
    wanted = pixels.transpose([axes.index(a) for a in "tcyx" if a in axes])
    assert np.array_equal(image.dask().compute(), wanted.reshape(image.shape))


def test_old_files_without_axes_are_tczyx(tmp_path):
    path = write_image(tmp_path / "a.zarr", pixels_of(1, 2, 3, 4, 5), "tczyx", form=2)
    meta = json.loads((path / ".zattrs").read_text())
    del meta["multiscales"][0]["axes"]
    (path / ".zattrs").write_text(json.dumps(meta))
    assert open_images(path)[0].axes == "CZYX"


def value(field):
    return field.value, field.source, field.original


def test_the_pixel_size_is_scale_times_unit(tmp_path):
    path = write_image(
        tmp_path / "a.zarr", pixels_of(3, 4, 5), "zyx", scale=[2.0, 325.0, 325.0],
        units={"z": "micrometer", "y": "nanometer", "x": "nanometer"},
        entry={"coordinateTransformations": [{"type": "scale", "scale": [0.5, 2, 2]}]},
    )  # fmt: skip
    record = open_images(path)[0].record
    assert value(record.get("pixel_size_x_um")) == (0.65, "file", "650 nanometer")
    assert value(record.get("pixel_size_z_um")) == (1.0, "file", "1 micrometer")
    assert record.reported == ()


def test_a_scale_without_unit_is_an_inference_and_1_without_unit_is_none(tmp_path):
    path = write_image(tmp_path / "a.zarr", pixels_of(3, 4, 5), "zyx", scale=[1.0, 0.5, 0.5])
    record = open_images(path)[0].record
    assert value(record.get("pixel_size_x_um")) == (0.5, "inferred", "0.5")
    assert not record.get("pixel_size_z_um").known
    assert "no unit" in record.reported[0].message


def test_a_unit_that_is_no_length_is_left_out(tmp_path):
    units = {"y": "parsnip", "x": "second"}
    path = write_image(tmp_path / "a.zarr", pixels_of(4, 5), "yx", scale=[2, 2], units=units)
    assert open_images(path)[0].record.fields == {}


def test_channel_names_come_from_omero(tmp_path):
    channels = [{"label": "DAPI", "color": "FF"}, {"color": "00"}]
    path = write_image(tmp_path / "a.zarr", pixels_of(2, 4, 5), "cyx", omero={"channels": channels})
    assert [c.name for c in open_images(path)[0].record.channels] == ["DAPI", ""]


OME = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Instrument ID="Instrument:0">'
    '<Objective ID="Objective:0" NominalMagnification="63" LensNA="1.4"/></Instrument>'
    '<Image ID="Image:0" Name="first"><ObjectiveSettings ID="Objective:0"/><Pixels ID="Pixels:0" '
    'DimensionOrder="XYZCT" Type="uint16" SizeX="5" SizeY="4" SizeZ="1" SizeC="1" SizeT="1" '
    'PhysicalSizeX="0.1" PhysicalSizeY="0.1"><Channel ID="Channel:0:0" Name="GFP"/>'
    '<Plane TheC="0" TheZ="0" TheT="0" ExposureTime="20" ExposureTimeUnit="ms"/></Pixels></Image>'
    '<Image ID="Image:1" Name="second"><Pixels ID="Pixels:1" DimensionOrder="XYZCT" Type="uint16" '
    'SizeX="5" SizeY="4" SizeZ="1" SizeC="1" SizeT="1"/></Image></OME>'
)


@pytest.fixture
def series(tmp_path):
    """Two images as bioformats2raw writes them."""
    root = tmp_path / "series.zarr"
    write_attributes(root, {"bioformats2raw.layout": 3})
    write_attributes(root / "OME", {"series": ["0", "1"]})
    (root / "OME" / "METADATA.ome.xml").write_text(OME)
    for name in "01":
        pixels = pixels_of(1, 1, 1, 4, 5) + int(name)
        write_image(root / name, pixels, "tczyx")
    return root


def test_a_series_has_names_and_records_from_its_ome_xml(series):
    first, second = open_images(series)
    assert (first.name, second.name) == ("first", "second")
    assert first.record.get("objective_nominal_magnification").value == 63
    assert first.record.get("pixel_size_x_um").value == 0.1
    assert first.record.channels[0].name == "GFP"
    assert first.record.channels[0].get("exposure_time_ms").value == 20
    assert second.record.get("lens_na").source == "inferred"
    assert second.plane()[0, 0] == 1
    assert first.original_metadata()["OME-XML"] == OME
    (alone,) = open_images(series / "0")
    assert alone.record == first.record


def test_a_series_without_a_list_is_in_the_order_of_its_numbers(series):
    shutil.rmtree(series / "OME")
    for name in ("2", "10"):
        shutil.copytree(series / "0", series / name)
    assert [image.name for image in open_images(series)] == ["0", "1", "2", "10"]


@pytest.fixture
def plate(tmp_path):
    """Two wells of two fields each, the wells listed out of order."""
    root = tmp_path / "plate.zarr"
    wells = [{"path": p, "rowIndex": 1, "columnIndex": 9} for p in ("B/10", "B/2")]
    write_attributes(root, {"plate": {"name": "P7", "wells": wells}})
    for number, well in enumerate(("B/10", "B/2")):
        folder = root.joinpath(*well.split("/"))
        write_attributes(folder, {"well": {"images": [{"path": "0"}, {"path": "1"}]}})
        for name in "01":
            write_image(folder / name, pixels_of(4, 5) + 10 * number + int(name), "yx")
    return root


def test_a_plate_is_one_image_per_well_and_field(plate):
    images = open_images(plate)
    assert [i.name for i in images] == [
        "B02 field 1", "B02 field 2", "B10 field 1", "B10 field 2",
    ]  # fmt: skip
    assert images[1].position == WellField("P7", "B02", 2)
    assert [int(i.plane()[0, 0]) for i in images] == [10, 11, 0, 1]
    assert [i.scene_index for i in images] == [0, 1, 2, 3]
    (well,) = {i.position.well for i in open_images(plate / "B" / "10")}
    assert well == "B10"


def test_an_image_goes_to_another_process_without_its_metadata(plate):
    image = open_images(plate)[1]
    (plate / "zarr.json").unlink()
    again = pickle.loads(pickle.dumps(image))  # noqa: S301
    assert np.array_equal(again.plane(), image.plane())
    assert (again.name, again.position) == (image.name, image.position)


def test_a_chunk_that_is_not_stored_has_the_fill_value(tmp_path):
    path = write_image(tmp_path / "a.zarr", pixels_of(2, 4, 5), "cyx", chunks=(1, 4, 5))
    shutil.rmtree(path / "0" / "c" / "1")
    (image,) = open_images(path)
    assert not image.plane(c=1).any()
    assert image.plane(c=0).any()


def test_a_damaged_chunk_is_one_clear_error(tmp_path):
    path = write_image(tmp_path / "a.zarr", pixels_of(4, 5), "yx")
    (chunk,) = (p for p in (path / "0" / "c").rglob("*") if p.is_file())
    for data in (b"", b"\x00", b"garbage" * 9, chunk.read_bytes()[:-3]):
        chunk.write_bytes(data)
        with pytest.raises(InputError, match="not readable as OME-Zarr"):
            open_images(path)[0].plane()


ARRAY_DAMAGE = {
    "absurd": {"shape": [2**50, 5]},
    "negative": {"shape": [-4, 5]},
    "none": {"shape": []},
    "word": {"shape": "four"},
    "chunks": {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2**40, 5]}}},
    "grid": {"chunk_grid": 3},
    "text": {"data_type": "string"},
    "objects": {"data_type": "object"},
    "type": {"data_type": {"name": "numpy.datetime64"}},
    "pickle": {"codecs": [{"name": "numcodecs.pickle"}]},
    "group": {"node_type": "group"},
}


@pytest.mark.parametrize("change", ARRAY_DAMAGE.values(), ids=ARRAY_DAMAGE.keys())
def test_impossible_arrays_are_refused_before_anything_is_read(tmp_path, change):
    path = write_image(tmp_path / "a.zarr", pixels_of(4, 5), "yx")
    meta = json.loads((path / "0" / "zarr.json").read_text())
    (path / "0" / "zarr.json").write_text(json.dumps(meta | change))
    with pytest.raises(InputError):
        open_images(path)


def test_a_plane_that_cannot_come_from_what_is_stored_takes_no_memory(tmp_path):
    path = write_image(tmp_path / "a.zarr", pixels_of(4, 5), "yx", chunks=(2, 5))
    meta = json.loads((path / "0" / "zarr.json").read_text())
    meta["shape"] = [2**24, 2**20]
    (path / "0" / "zarr.json").write_text(json.dumps(meta))
    (image,) = open_images(path)
    with pytest.raises(InputError, match="is incomplete"):
        image.plane()


@pytest.mark.parametrize("where", ["compressor", "filters"])
def test_codecs_that_run_code_are_never_called(tmp_path, where):
    path = write_image(tmp_path / "a.zarr", pixels_of(4, 5), "yx", form=2)
    meta = json.loads((path / "0" / ".zarray").read_text())
    meta[where] = {"id": "pickle"} if where == "compressor" else [{"id": "pickle"}]
    (path / "0" / ".zarray").write_text(json.dumps(meta))
    with pytest.raises(InputError, match="pickle"):
        open_images(path)


GROUP_DAMAGE = {
    "no json": "{",
    "a list": "[]",
    "null": "null",
    "deep": "[" * 100_000,
    "attributes": '{"zarr_format": 3, "node_type": "group", "attributes": 3}',
    "ome": '{"zarr_format": 3, "node_type": "group", "attributes": {"ome": []}}',
    "no datasets": '{"attributes": {"ome": {"multiscales": [{"axes": []}]}}}',
    "leads out": '{"attributes": {"ome": {"multiscales": [{"datasets": [{"path": "../e"}]}]}}}',
    "absolute": '{"attributes": {"ome": {"multiscales": [{"datasets": [{"path": "/etc"}]}]}}}',
    "no path": '{"attributes": {"ome": {"multiscales": [{"datasets": [{"path": 3}]}]}}}',
    "absent": '{"attributes": {"ome": {"multiscales": [{"datasets": [{"path": "9"}]}]}}}',
    "plate": '{"attributes": {"ome": {"plate": {"wells": [{"path": "../x"}]}}}}',
    "wells": '{"attributes": {"ome": {"plate": {"wells": 3}}}}',
    "labels": '{"attributes": {"ome": {"labels": ["../x"]}}}',
}


@pytest.mark.parametrize("text", GROUP_DAMAGE.values(), ids=GROUP_DAMAGE.keys())
def test_damaged_metadata_are_one_clear_error(tmp_path, text):
    path = write_image(tmp_path / "a.zarr", pixels_of(4, 5), "yx")
    (path / "zarr.json").write_text(text)
    with pytest.raises(InputError) as caught:
        open_images(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "axes",
    [
        ["y", "y"],
        ["y", "q"],
        ["y"],
        [],
        ["y", 3],
        ["c", "z"],
        "yx",
        [{"name": None}, {"name": "x"}],
    ],
)
def test_axes_that_are_no_images_are_refused(tmp_path, axes):
    path = write_image(tmp_path / "a.zarr", pixels_of(4, 5), "yx", entry={"axes": axes})
    with pytest.raises(InputError):
        open_images(path)


@pytest.mark.parametrize("scale", [[0, 0], [-1, 2], ["a", "b"], [1], None, [float("nan"), 1]])
def test_a_scale_that_is_none_is_left_out(tmp_path, scale):
    path = write_image(
        tmp_path / "a.zarr", pixels_of(4, 5), "yx", units={"x": "micrometer", "y": "micrometer"},
        entry={"coordinateTransformations": [{"type": "scale", "scale": scale}]},
    )  # fmt: skip
    (image,) = open_images(path)
    assert image.plane().shape == (4, 5)


def test_metadata_cut_anywhere_are_an_error(tmp_path):
    path = write_image(tmp_path / "a.zarr", pixels_of(4, 5), "yx")
    for file in (path / "zarr.json", path / "0" / "zarr.json"):
        whole = file.read_bytes()
        for end in range(0, len(whole) - 1, 17):
            file.write_bytes(whole[:end])
            with pytest.raises(InputError):
                open_images(path)
        file.write_bytes(whole)


def test_ome_xml_that_is_damaged_or_hostile_is_refused(series):
    file = series / "OME" / "METADATA.ome.xml"
    for text in (OME[:-9], OME.replace("<OME", "<!DOCTYPE a [<!ENTITY b 'c'>]><OME")):
        file.write_text(text)
        with pytest.raises(InputError, match=r"METADATA\.ome\.xml"):
            open_images(series)


def test_our_own_attribute_in_a_foreign_form_is_passed_over(tmp_path):
    path = write_image(tmp_path / "a.zarr", pixels_of(4, 5), "yx")
    for own in (3, [], {"record": 3}, {"record": {"fields": 3}}, {"colour": True}):
        meta = json.loads((path / "zarr.json").read_text())
        meta["attributes"]["napari-metaseg"] = own
        (path / "zarr.json").write_text(json.dumps(meta))
        assert open_images(path)[0].axes == "YX"


def test_without_the_library_the_way_out_is_named(tmp_path, monkeypatch):
    path = write_image(tmp_path / "a.zarr", pixels_of(4, 5), "yx")
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(InputError, match=r"pip install 'napari-metaseg\[zarr\]'"):
        open_images(path)


def test_another_scale_than_the_records_is_a_conflict(tmp_path):
    from napari_metaseg.acquisition.record import AcquisitionRecord, Field
    from napari_metaseg.images.zarr.write import write_zarr_image

    record = AcquisitionRecord({f"pixel_size_{a}_um": Field(0.5, "file") for a in "xy"})
    write_zarr_image(tmp_path / "a.zarr", pixels_of(4, 5), "YX", record)
    file = tmp_path / "a.zarr" / "zarr.json"
    meta = json.loads(file.read_text())
    (entry,) = meta["attributes"]["ome"]["multiscales"]
    entry["datasets"][0]["coordinateTransformations"][0]["scale"] = [0.7, 0.7]
    file.write_text(json.dumps(meta))
    (image,) = open_images(tmp_path / "a.zarr")
    assert any("by the image's scale" in c.message for c in image.record.reported)


def test_numbers_that_are_none_do_not_reach_the_record(tmp_path):
    path = write_image(tmp_path / "a.zarr", pixels_of(4, 5), "yx")
    meta = json.loads((path / "zarr.json").read_text())
    fields = {"lens_na": {"value": "@", "source": "file"}}
    meta["attributes"]["napari-metaseg"] = {"record": {"fields": fields}}
    for number in ("NaN", "1e999", "-Infinity"):
        (path / "zarr.json").write_text(json.dumps(meta).replace('"@"', number))
        assert open_images(path)[0].record.get("lens_na").value is None


def mutated(content, rng):
    """One to four wounds, as a broken disk or a hostile hand leaves them."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(data) + 1)
        wound = rng.choice([b"", b"0", b"-1", b"9" * 20, b"1e400", b"..", b'"', b"null", b"[]"])
        data[place : place + rng.randint(0, 8)] = wound
    return bytes(data)


@pytest.mark.parametrize("form", [2, 3])
@pytest.mark.parametrize("seed", range(10))
def test_damaged_metadata_are_opened_soundly_or_refused_in_one_line(tmp_path, form, seed):
    rng = random.Random(seed)
    path = write_image(tmp_path / "a.zarr", pixels_of(2, 4, 5), "cyx", form=form, scale=[1, 2, 2])
    files = sorted(p for p in path.rglob("*") if p.suffix == ".json" or p.name.startswith(".z"))
    said = []
    for _ in range(40):
        file = rng.choice(files)
        whole = file.read_bytes()
        file.write_bytes(mutated(whole, rng))
        try:
            for image in open_images(path):
                image.plane()
        except InputError as error:
            said.append(str(error))
        file.write_bytes(whole)
    assert said
    assert not [text for text in said if "\n" in text]
