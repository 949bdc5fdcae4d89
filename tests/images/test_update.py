from __future__ import annotations

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_metaseg.acquisition.statements import Statements, apply_statements, statements_of
from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_image, open_images
from napari_metaseg.images.update import update_in_place
from napari_metaseg.images.write import write_ome_tiff

STATED = Statements(
    {"lens_na": 0.8, "cell line": "Größe µ 細胞", "pixel_size_um": 0.2},
    {1: {"task": "nuclei"}},
    {(0, 1, 0): {"plane_offset_um": -2.0}},
)
PIXELS = np.arange(2 * 3 * 40 * 50, dtype=np.uint16).reshape(2, 3, 40, 50)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.ome.tif"
    write_ome_tiff(path, PIXELS, "CZYX")
    return path


def update(path, stated=STATED):
    opened = open_image(path)
    return update_in_place(path, {opened.name: apply_statements(opened.record, stated, path="me")})


def test_the_file_says_it_and_its_pixels_stay(image):
    before = image.read_bytes()
    backup = update(image)
    opened = open_image(image)
    assert statements_of(opened.record) == STATED
    np.testing.assert_array_equal(opened.dask().compute(), PIXELS)
    assert (backup.name, backup.read_bytes()) == ("a.ome.tif.backup", before)
    assert {p.name for p in image.parent.iterdir()} == {"a.ome.tif", "a.ome.tif.backup"}
    with tifffile.TiffFile(image) as tiff:
        assert 'LensNA="0.8"' in tiff.ome_metadata


def test_each_update_keeps_a_backup_of_its_own(image):
    first = image.read_bytes()
    update(image)
    second = image.read_bytes()
    names = [update(image, Statements({"lens_na": na})).name for na in (0.5, 0.6)]
    assert names == ["a.ome.tif.backup2", "a.ome.tif.backup3"]
    assert Path(f"{image}.backup").read_bytes() == first
    assert Path(f"{image}.backup2").read_bytes() == second


def test_taking_everything_back_leaves_nothing_of_ours(image):
    untouched = open_image(image).record
    update(image)
    update_in_place(image, {"a": untouched})
    with tifffile.TiffFile(image) as tiff:
        assert "metaseg" not in tiff.ome_metadata


def test_of_several_images_only_the_named_one_changes(tmp_path):
    path = tmp_path / "two.ome.tif"
    xml = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
    <Instrument ID="Instrument:0"><Objective ID="Objective:0" LensNA="0.95"/></Instrument>
    {}</OME>"""
    one = """<Image ID="Image:{i}" Name="{name}"><Pixels ID="Pixels:{i}" DimensionOrder="XYZCT"
    Type="uint8" SizeX="6" SizeY="4" SizeZ="1" SizeC="1" SizeT="1">
    <Channel ID="Channel:{i}:0" SamplesPerPixel="1"/><TiffData IFD="{i}" PlaneCount="1"/>
    </Pixels></Image>"""
    images = "".join(one.format(i=i, name=name) for i, name in enumerate(("left", "right")))
    tifffile.imwrite(
        path, np.zeros((2, 4, 6), np.uint8), description=xml.format(images), metadata=None,
        photometric="minisblack",
    )  # fmt: skip
    left, right = open_images(path)
    assert right.record.fields["lens_na"].source == "inferred"
    update_in_place(path, {"right": right.record.declare({"lens_na": 0.4})})
    new_left, new_right = open_images(path)
    assert new_left.record.fields["lens_na"].value == left.record.fields["lens_na"].value
    assert statements_of(new_left.record) == Statements()
    assert new_right.record.get("lens_na").value == 0.4
    assert new_right.record.fields["lens_na"].value == 0.95


def test_permissions_and_links_stay(image, tmp_path):
    image.chmod(0o640)
    link = tmp_path / "link.ome.tif"
    link.symlink_to(image)
    update(link)
    assert link.is_symlink()
    assert stat.S_IMODE(image.stat().st_mode) == 0o640
    assert statements_of(open_image(image).record) == STATED


def test_where_there_are_no_hard_links_the_backup_is_a_copy(image, monkeypatch):
    before = image.read_bytes()

    def fail(*args):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("pathlib.Path.hardlink_to", fail)
    backup = update(image)
    assert backup.read_bytes() == before


@pytest.mark.parametrize("kind", ["png", "plain"])
def test_what_is_no_ome_tiff_is_refused(tmp_path, kind):
    path = tmp_path / ("a.png" if kind == "png" else "a.tif")
    if kind == "png":
        from PIL import Image

        Image.fromarray(np.zeros((4, 4), np.uint8)).save(path)
    else:
        tifffile.imwrite(path, np.zeros((4, 4), np.uint8))
    before = path.read_bytes()
    with pytest.raises(InputError, match="Save a copy"):
        update(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_one_file_of_a_set_is_refused(tmp_path):
    path = tmp_path / "a.ome.tif"
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:a">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="6"'
        ' SizeY="4" SizeZ="2" SizeC="1" SizeT="1"><Channel ID="Channel:0:0"/>'
        '<TiffData IFD="0" FirstZ="0"><UUID FileName="a.ome.tif">urn:uuid:a</UUID></TiffData>'
        '<TiffData IFD="0" FirstZ="1"><UUID FileName="b.ome.tif">urn:uuid:b</UUID></TiffData>'
        "</Pixels></Image></OME>"
    )
    for name in ("a", "b"):
        tifffile.imwrite(
            tmp_path / f"{name}.ome.tif", np.zeros((4, 6), np.uint8), description=xml, metadata=None
        )
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"one of a set of files.*b\.ome\.tif"):
        update(path)
    assert path.read_bytes() == before


def test_a_name_that_no_image_has_is_refused(image):
    with pytest.raises(InputError, match="no image 'other'"):
        update_in_place(image, {"other": open_image(image).record})


def test_what_does_not_read_back_is_not_kept(image, monkeypatch):
    before = image.read_bytes()

    def spoil(path, xml):
        with tifffile.TiffFile(path) as tiff:
            offset = tiff.pages[-1].dataoffsets[0]
        path.write_bytes(path.read_bytes()[:offset] + b"\0" * 8 + path.read_bytes()[offset + 8 :])

    monkeypatch.setattr("napari_metaseg.images.update._write_comment", spoil)
    with pytest.raises(InputError):
        update(image)
    assert image.read_bytes() == before
    assert len(list(image.parent.iterdir())) == 1


def test_lost_statements_are_noticed(image, monkeypatch):
    before = image.read_bytes()
    monkeypatch.setattr("napari_metaseg.images.update._write_comment", lambda path, xml: None)
    with pytest.raises(InputError, match="did not read back"):
        update(image)
    assert image.read_bytes() == before


@pytest.mark.parametrize("place", ["shutil.copyfile", "tifffile.tiffcomment", "os.fsync"])
def test_a_full_disk_leaves_the_file(image, monkeypatch, place):
    before = image.read_bytes()

    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(place, fail)
    with pytest.raises(OSError, match="No space"):
        update(image)
    assert image.read_bytes() == before
    assert list(image.parent.iterdir()) == [image]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("step", ["_write_comment", "_verify", "_keep"])
def test_a_kill_in_the_middle_leaves_the_old_file_or_the_new(tmp_path, image, step):
    before = image.read_bytes()
    code = (
        "import sys, time; from pathlib import Path\n"
        "from napari_metaseg.images import update\n"
        "from napari_metaseg.images.open import open_image\n"
        "image = open_image(Path(sys.argv[1]))\n"
        f"original = update.{step}\n"
        "def slow(*a):\n"
        "    result = original(*a); Path(sys.argv[2]).touch(); time.sleep(60); return result\n"
        f"update.{step} = slow\n"
        "update.update_in_place(image.path, {image.name: image.record.declare({'lens_na': 0.5})})\n"
    )
    ready = tmp_path / "ready"
    process = subprocess.Popen([sys.executable, "-c", code, str(image), str(ready)])
    try:
        deadline = time.monotonic() + 60
        while not ready.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert ready.exists()
    assert image.read_bytes() == before
    update(image)
    assert statements_of(open_image(image).record) == STATED


@pytest.mark.real_data
def test_a_real_file_can_be_updated(real_data, tmp_path):
    path = tmp_path / "series.ome.tif"
    shutil.copyfile(real_data / "stacks" / "focus-series-1.ome.tif", path)
    before = open_image(path)
    update(path, Statements({"objective_nominal_magnification": 60.0, "cell line": "U2OS"}))
    after = open_image(path)
    assert after.record.get("objective_nominal_magnification").value == 60.0
    assert after.record.fields == before.record.fields
    assert after.record.planes == before.record.planes
    for z in range(before.size("Z")):
        np.testing.assert_array_equal(after.plane(z=z), before.plane(z=z))
    assert os.path.lexists(f"{path}.backup")
