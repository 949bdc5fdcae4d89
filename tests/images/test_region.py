"""A region is the same part of the plane, and reads little more than that where it can."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_image
from napari_metaseg.images.zarr.write import write_zarr_image

RNG = np.random.default_rng(0)
LAYOUTS = {
    "contiguous": {},
    "big endian": {"byteorder": ">"},
    "strips": {"rowsperstrip": 7},
    "packed strips": {"rowsperstrip": 7, "compression": "zlib", "predictor": True},
    "packed whole": {"compression": "zlib"},
    "tiles": {"tile": (16, 32)},
    "packed tiles": {"tile": (32, 16), "compression": "lzw"},
}


def check(image, wanted, rows, columns, **where):
    part = image.region(rows, columns, **where)
    assert part.dtype == image.dtype
    np.testing.assert_array_equal(part, wanted[rows, columns])


def slices(data, size):
    start = data.draw(st.integers(0, size - 1))
    return slice(start, data.draw(st.integers(start + 1, size)))


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_a_region_of_a_tiff_is_that_part_of_its_plane(tmp_path_factory, layout, data):
    pixels = RNG.integers(0, 9999, (2, 3, 90, 70)).astype(np.uint16)
    path = tmp_path_factory.mktemp("region") / "a.ome.tif"
    tifffile.imwrite(path, pixels, metadata={"axes": "CZYX"}, **LAYOUTS[layout])
    image = open_image(path)
    check(image, pixels[1, 2], slices(data, 90), slices(data, 70), c=1, z=2)
    check(image, pixels[0, 1], slices(data, 90), slices(data, 70), z=1)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_a_region_of_colours_keeps_them_last(tmp_path, layout, planar):
    pixels = RNG.integers(0, 255, (90, 70, 3)).astype(np.uint8)
    stored = pixels if planar == "contig" else np.moveaxis(pixels, -1, 0)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planar, **LAYOUTS[layout])
    image = open_image(path)
    assert image.axes == "YXS"
    check(image, pixels, slice(13, 55), slice(3, 69))


def test_a_region_of_a_long_imagej_stack_is_read_from_its_block(tmp_path):
    pixels = RNG.integers(0, 9999, (5, 40, 30)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels, imagej=True, metadata={"axes": "ZYX"})
    check(open_image(tmp_path / "a.tif"), pixels[3], slice(5, 9), slice(2, 30), z=3)


def test_a_region_of_an_ome_zarr_reads_its_chunks_alone(tmp_path):
    pytest.importorskip("ome_zarr")
    pixels = RNG.integers(0, 9999, (2, 1500, 1100)).astype(np.uint16)
    write_zarr_image(tmp_path / "a.ome.zarr", pixels, "CYX")
    image = open_image(tmp_path / "a.ome.zarr")
    check(image, pixels[1], slice(1000, 1100), slice(3, 1069), c=1)
    chunk = next(p for p in (tmp_path / "a.ome.zarr").rglob("c/0/1/1") if p.is_file())
    chunk.write_bytes(b"damaged")
    check(image, pixels[0], slice(1, 1023), slice(3, 1020))
    with pytest.raises(InputError):
        image.region(slice(1020, 1030), slice(1020, 1030))


def test_a_plane_that_is_read_whole_is_kept_for_the_next_region(tmp_path, monkeypatch):
    pixels = RNG.integers(0, 255, (90, 70)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    image = open_image(tmp_path / "a.png")
    check(image, pixels, slice(5, 50), slice(2, 30))
    monkeypatch.setattr(image, "_read", None)
    check(image, pixels, slice(40, 90), slice(0, 70))


def test_a_part_of_a_packed_page_decodes_no_more_than_its_strips(tmp_path):
    path = tmp_path / "a.tif"
    pixels = RNG.integers(0, 255, (90, 70)).astype(np.uint8)
    tifffile.imwrite(path, pixels, rowsperstrip=10, compression="zlib")
    image = open_image(path)
    with tifffile.TiffFile(path) as tiff:
        start = tiff.pages[0].dataoffsets[5]
    with path.open("rb+") as file:
        file.seek(start)
        file.write(b"damaged")
    check(image, pixels, slice(0, 50), slice(2, 30))
    with pytest.raises(InputError):
        image.region(slice(0, 51), slice(2, 30))


def test_a_plane_that_is_not_there_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((9, 9), np.uint8))
    with pytest.raises(InputError, match="no plane at z = 1"):
        open_image(tmp_path / "a.tif").region(slice(0, 1), slice(0, 1), z=1)
