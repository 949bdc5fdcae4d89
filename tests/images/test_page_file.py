from __future__ import annotations

import struct

import numpy as np
import pytest
import tifffile

from napari_metaseg.errors import InputError
from napari_metaseg.images.page_file import PlaneFile, page_form, read_page

PIXELS = np.arange(60, dtype=np.uint16).reshape(2, 5, 6)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "planes.tif"
    tifffile.imwrite(path, PIXELS, photometric="minisblack")
    return path


def test_one_page_is_read_and_no_other(file, page_reads):
    assert (read_page(PlaneFile(file, 1)) == PIXELS[1]).all()
    assert page_reads == [1]
    assert page_form(PlaneFile(file)) == ((5, 6), np.dtype(np.uint16))
    assert page_reads == [1]


@pytest.mark.parametrize("page", [2, 10**6])
def test_a_page_that_is_not_there_is_an_error(file, page):
    with pytest.raises(InputError, match="not a readable TIFF"):
        read_page(PlaneFile(file, page))


def test_a_file_cut_anywhere_is_an_error_or_whole(file):
    whole = file.read_bytes()
    for end in range(0, len(whole), 7):
        file.write_bytes(whole[:end])
        try:
            pixels = read_page(PlaneFile(file, 1))
        except InputError:
            continue
        assert (pixels == PIXELS[1]).all()


def test_a_page_larger_than_any_file_of_that_size_takes_no_memory(file):
    data = bytearray(file.read_bytes())
    with tifffile.TiffFile(file) as tiff:
        tags = tiff.pages.first.tags
        for name in ("ImageWidth", "ImageLength"):
            struct.pack_into("<HI", data, tags[name].offset + 2, 4, 1)
            struct.pack_into("<I", data, tags[name].offset + 8, 2**20)
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"bytes in a file of|not a readable TIFF"):
        read_page(PlaneFile(file))


def test_what_is_no_tiff_or_not_there_is_an_error(tmp_path):
    (tmp_path / "a.tif").write_text("no")
    for name in ("a.tif", "absent.tif"):
        with pytest.raises(InputError, match=name):
            read_page(PlaneFile(tmp_path / name))
