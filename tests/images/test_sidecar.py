from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_metaseg.acquisition.fields import FieldSpec
from napari_metaseg.acquisition.project import PROJECT_FILE, write_project
from napari_metaseg.acquisition.statements import Statements, statements_of
from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_image, open_images
from napari_metaseg.images.sidecar import read_sidecar, sidecar_path, write_sidecar
from napari_metaseg.images.stated import without_notices
from napari_metaseg.images.write import write_ome_tiff

STATED = Statements(
    {"magnification": 20.0, "cell line": "HeLa", "code": "12", "fixed": True},
    {1: {"contrast_method": "Phase"}},
    {(0, 2, 0): {"plane_offset_um": -3.0}, (1, 0, 0): {"exposure_time_ms": 8.0}},
)
REUSE_FOLDER = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "field.ome.tif"
    write_ome_tiff(path, np.zeros((2, 3, 4, 5), np.uint8), "CZYX")
    return path


def messages(image):
    return [conflict.message for conflict in image.record.reported]


def test_what_is_stated_comes_back(image):
    assert write_sidecar(image, {"field": STATED}) == sidecar_path(image)
    assert read_sidecar(image) == {"field": STATED}


def test_an_image_opens_with_what_its_sidecar_states(image):
    write_sidecar(image, {"field": STATED})
    opened = open_image(image)
    assert statements_of(opened.record) == STATED
    assert opened.record.declared["magnification"].path == "field.ome.tif.metaseg.json"
    assert opened.record.reported == ()
    assert statements_of(pickle.loads(pickle.dumps(opened)).record) == STATED  # noqa: S301


def test_the_sidecar_is_for_people(image):
    write_sidecar(image, {"field": STATED})
    document = json.loads(sidecar_path(image).read_text())
    assert (document["format"], document["format_version"]) == ("napari-metaseg sidecar", 1)
    assert document["file"] == "field.ome.tif"
    (scene,) = document["scenes"]
    assert scene["image"] == dict(STATED.image)
    assert scene["channels"] == [{"c": 1, "values": {"contrast_method": "Phase"}}]
    assert scene["planes"][0] == {"c": 0, "z": 2, "t": 0, "values": {"plane_offset_um": -3.0}}


def test_other_scenes_keep_their_statements(image):
    write_sidecar(image, {"field": STATED, "other": Statements({"task": "nuclei"})})
    write_sidecar(image, {"field": Statements({"magnification": 40.0})})
    assert read_sidecar(image) == {
        "field": Statements({"magnification": 40.0}),
        "other": Statements({"task": "nuclei"}),
    }


def test_the_last_statement_taken_back_takes_the_file_away(image):
    write_sidecar(image, {"field": STATED})
    write_sidecar(image, {"field": Statements()})
    assert not sidecar_path(image).exists()
    write_sidecar(image, {"field": Statements()})
    assert read_sidecar(image) == {}


def test_each_scene_gets_its_own(tmp_path):
    path = tmp_path / "two.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(np.zeros((4, 5), np.uint8), metadata={"Name": "left"})
        writer.write(np.zeros((6, 7), np.uint8), metadata={"Name": "right"})
    write_sidecar(path, {"right": Statements({"magnification": 60.0})})
    left, right = open_images(path)
    assert statements_of(left.record) == Statements()
    assert statements_of(right.record) == Statements({"magnification": 60.0})


def test_images_of_one_name_are_told_apart(tmp_path):
    path = tmp_path / "two.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        for side, name in ((5, "same"), (6, "same"), (7, "same (2)")):
            writer.write(np.zeros((4, side), np.uint8), metadata={"Name": name})
    assert [image.name for image in open_images(path)] == ["same", "same (3)", "same (2)"]
    write_sidecar(path, {"same (3)": Statements({"magnification": 60.0})})
    assert [bool(statements_of(i.record)) for i in open_images(path)] == [False, True, False]


def test_file_and_sidecar_moved_together_keep_working(image, tmp_path):
    write_sidecar(image, {"field": STATED})
    (tmp_path / "moved").mkdir()
    moved = image.rename(tmp_path / "moved" / image.name)
    sidecar_path(image).rename(sidecar_path(moved))
    assert statements_of(open_image(moved).record) == STATED
    assert messages(open_image(moved)) == []


def test_both_renamed_keep_working_with_a_notice(image, tmp_path):
    write_sidecar(image, {"field": STATED})
    renamed = image.rename(tmp_path / "day 2.ome.tif")
    sidecar_path(image).rename(sidecar_path(renamed))
    opened = open_image(renamed)
    assert statements_of(opened.record) == STATED
    assert "was written for field.ome.tif" in messages(opened)[0]
    assert read_sidecar(renamed) == {"day 2": STATED}
    write_sidecar(renamed, {"day 2": Statements({"magnification": 40.0})})
    assert messages(open_image(renamed)) == []


def test_a_folder_s_sidecar_lies_beside_it(tmp_path):
    folder = tmp_path / "a.ome.zarr"
    folder.mkdir()
    assert write_sidecar(folder, {"0": STATED}) == tmp_path / "a.ome.zarr.metaseg.json"
    assert list(folder.iterdir()) == []


def test_a_name_too_long_for_a_sidecar_is_said_when_one_is_written(image):
    longest = image.rename(image.with_name("n" * 247 + ".ome.tif"))
    assert not statements_of(open_image(longest).record)
    with pytest.raises(InputError, match="shorter name"):
        write_sidecar(longest, {open_image(longest).name: STATED})


def test_what_the_image_does_not_have_is_left_out_and_told(image):
    far = Statements({}, {9_999_999: {"task": "x"}}, {(0, 0, 7): {"task": "x"}})
    write_sidecar(image, {"field": far})
    opened = open_image(image)
    assert statements_of(opened.record) == Statements()
    assert len(opened.record.channels) == 2
    assert "channel 9999999" in messages(opened)[0]
    assert "c=0, z=0, t=7" in messages(opened)[1]


def test_a_scene_that_the_file_does_not_have_is_told(image):
    write_sidecar(image, {"field": STATED, "lost": STATED})
    assert "'lost'" in messages(open_image(image))[0]


def test_notices_of_a_sidecar_are_not_the_image_s_own(image):
    write_sidecar(image, {"field": STATED, "lost": STATED})
    record = open_image(image).record
    assert without_notices(record) == replace(record, reported=())


SCENE = {"image": {"magnification": 20.0}}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe{\x00}\x00",
        b"\x00" * 100,
        b"[" * 200_000,
        b"9" * 10_000,
        b"null",
        b'{"format": "napari-metaseg sidecar", "format_version": 1' + b" " * 33 * 2**20 + b"}",
        {"format": "other"},
        {"format_version": "1"},
        {"format_version": 0},
        {"scenes": {}},
        {"scenes": [[]]},
        {"scenes": [SCENE, SCENE]},
        {"scenes": [{"name": 7}]},
        {"scenes": [{"image": []}]},
        {"scenes": [{"image": {"magnification": None}}]},
        {"scenes": [{"image": {"magnification": [20]}}]},
        {"scenes": [{"image": {"magnification": "many"}}]},
        {"scenes": [{"image": {"magnification": -1}}]},
        {"scenes": [{"image": {"exposure_ms": float("nan")}}]},
        {"scenes": [{"image": {"task": float("inf")}}]},
        {"scenes": [{"image": {"task": "  "}}]},
        {"scenes": [{"channels": {"0": {}}}]},
        {"scenes": [{"channels": [{"c": -1, "values": {}}]}]},
        {"scenes": [{"channels": [{"c": True, "values": {}}]}]},
        {"scenes": [{"channels": [{"c": 10**9, "values": {}}]}]},
        {"scenes": [{"planes": [{"c": 0, "z": 0, "values": {}}]}]},
        {"scenes": [{"planes": [{"c": 0, "z": 0, "t": 0.5, "values": {}}]}]},
        {"file": None, "scenes": [SCENE]},
    ],
)
def test_a_damaged_sidecar_is_told_and_the_image_opens(image, content):
    if isinstance(content, dict):
        whole = {"format": "napari-metaseg sidecar", "format_version": 1, "file": image.name}
        content = json.dumps(whole | content).encode()
    sidecar_path(image).write_bytes(content)
    with pytest.raises(InputError, match=r"field\.ome\.tif\.metaseg\.json"):
        read_sidecar(image)
    opened = open_image(image)
    assert opened.plane(1, 2).shape == (4, 5)
    assert statements_of(opened.record) == Statements()
    (message,) = messages(opened)
    assert "field.ome.tif.metaseg.json" in message
    assert len(message) < 1000


def test_a_newer_sidecar_is_left_alone(image):
    write_sidecar(image, {"field": STATED})
    newer = json.loads(sidecar_path(image).read_text()) | {"format_version": 2}
    sidecar_path(image).write_text(json.dumps(newer))
    assert "newer napari-metaseg" in messages(open_image(image))[0]
    with pytest.raises(InputError, match="newer napari-metaseg"):
        write_sidecar(image, {"field": STATED})
    assert json.loads(sidecar_path(image).read_text()) == newer


def test_a_damaged_sidecar_is_never_overwritten(image):
    sidecar_path(image).write_text("my notes")
    with pytest.raises(InputError, match="no valid JSON"):
        write_sidecar(image, {"field": STATED})
    assert sidecar_path(image).read_text() == "my notes"


def test_values_are_those_that_the_project_allows(image):
    line = FieldSpec("cell line", "text", "Cell line", choices=("HeLa", "U2OS"), strict=True)
    write_sidecar(image, {"field": Statements({"cell line": "Hela2"})})
    write_project(image.parent / PROJECT_FILE, [line])
    assert "HeLa, U2OS" in messages(open_image(image))[0]
    sidecar_path(image).unlink()
    with pytest.raises(InputError, match="cell line does not allow"):
        write_sidecar(image, {"field": Statements({"cell line": "Hela2"})})
    write_sidecar(image, {"field": Statements({"cell line": "u2os"})})
    assert open_image(image).record.declared["cell line"].value == "U2OS"


def test_a_failed_write_keeps_the_old_sidecar(image, monkeypatch):
    write_sidecar(image, {"field": STATED})

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", fail)
    with pytest.raises(OSError, match="No space"):
        write_sidecar(image, {"field": Statements({"magnification": 1.0})})
    assert read_sidecar(image) == {"field": STATED}
    assert len(list(image.parent.iterdir())) == 2


names = st.text(max_size=8)
free = st.one_of(
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(min_size=1, max_size=9).filter(str.strip),
)
values = st.dictionaries(names.map(lambda n: f"_{n}"), free, min_size=1, max_size=3)
index = st.integers(0, 9)


@REUSE_FOLDER
@given(
    scenes=st.dictionaries(
        names.filter(bool),
        st.builds(
            Statements,
            values,
            st.dictionaries(index, values, max_size=2),
            st.dictionaries(st.tuples(index, index, index), values, max_size=2),
        ),
        max_size=3,
    )
)
def test_any_statements_come_back(tmp_path, scenes):
    path = tmp_path / "a.nd2"
    write_sidecar(path, scenes)
    assert read_sidecar(path) == scenes
    sidecar_path(path).unlink(missing_ok=True)


@REUSE_FOLDER
@given(content=st.binary(max_size=300), cut=st.integers(0, 2000), flip=st.integers(0, 2000))
def test_no_content_keeps_the_image_from_opening(tmp_path, content, cut, flip):
    path = tmp_path / "field.ome.tif"
    if not path.exists():
        write_ome_tiff(path, np.zeros((2, 3, 4, 5), np.uint8), "CZYX")
    sidecar_path(path).unlink(missing_ok=True)
    write_sidecar(path, {"field": STATED})
    good = bytearray(sidecar_path(path).read_bytes())
    good[flip % len(good)] ^= 1 + flip % 255
    for damaged in (content, bytes(good), bytes(good[: cut % len(good)])):
        sidecar_path(path).write_bytes(damaged)
        assert open_image(path).shape == (2, 3, 4, 5)
