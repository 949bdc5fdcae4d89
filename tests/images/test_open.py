from __future__ import annotations

import os
import zipfile

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_images


def test_content_decides_and_not_the_name(tmp_path):
    tifffile.imwrite(tmp_path / "really.tif", np.full((4, 4), 7, np.uint8))
    (tmp_path / "really.tif").rename(tmp_path / "called.png")
    Image.fromarray(np.full((4, 4), 8, np.uint8)).save(tmp_path / "other.png")
    (tmp_path / "other.png").rename(tmp_path / "called")
    assert open_images(tmp_path / "called.png")[0].plane().max() == 7
    assert open_images(tmp_path / "called")[0].plane().max() == 8


FOREIGN = {
    "ICS": (b"\t\r\nics_version\t2.0\r\n", "ICS"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(60), "HDF5"),
    "OLE": (b"\xd0\xcf\x11\xe0" + bytes(60), "OIB"),
    "gzip": (b"\x1f\x8b" + bytes(60), "gzip"),
    "DICOM": (bytes(128) + b"DICM" + bytes(60), "DICOM"),
    "NumPy": (b"\x93NUMPY" + bytes(60), "NumPy"),
    "XML": (b'<?xml version="1.0"?><plate/>', "XML"),
    "a table": (b"image,labels\na.png,b.png\n", "a text file"),
    "noise": (bytes(range(7, 200)), "unknown format"),
}


HEADS = {
    "Nikon ND2": b"\xda\xce\xbe\x0a" + bytes(60),
    "Zeiss CZI": b"ZISRAWFILE" + bytes(60),
    "Leica LIF": b"\x70\x00\x00\x00\x10\x00\x00\x00\x2a" + bytes(60),
    "JPEG": b"\xff\xd8\xff\xe0" + bytes(60),
}


@pytest.mark.parametrize(("name", "content"), HEADS.items(), ids=HEADS.keys())
def test_a_file_that_is_only_a_beginning_is_named_and_refused(tmp_path, name, content):
    (tmp_path / "image.tif").write_bytes(content)
    with pytest.raises(InputError, match=f"is not a readable {name}"):
        open_images(tmp_path / "image.tif")


@pytest.mark.parametrize(("content", "name"), FOREIGN.values(), ids=FOREIGN.keys())
def test_other_formats_are_refused_by_name_with_a_way_out(tmp_path, content, name):
    path = tmp_path / "image.tif"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"cannot open .*image.tif: got .*{name}") as caught:
        open_images(path)
    assert caught.value.way_out
    assert "\n" not in str(caught.value)


def test_an_archive_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(InputError, match="a zip archive"):
        open_images(tmp_path / "images.zip")


def test_what_is_no_file_is_told_apart(tmp_path):
    (tmp_path / "empty.tif").touch()
    (tmp_path / "plate.zarr").mkdir()
    (tmp_path / "plate.zarr" / ".zattrs").write_text("{}")
    for path, reason in (
        (tmp_path / "empty.tif", "an empty file"),
        (tmp_path / "missing.tif", "no such file"),
        (tmp_path, "a folder"),
        (tmp_path / "plate.zarr", r"describes no image|napari-metaseg\[zarr\]"),
    ):
        with pytest.raises(InputError, match=reason):
            open_images(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads anything")
def test_a_file_without_permission_says_so(tmp_path):
    path = tmp_path / "secret.tif"
    tifffile.imwrite(path, np.zeros((4, 4), np.uint8))
    path.chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        open_images(path)
