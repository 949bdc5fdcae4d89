from __future__ import annotations

import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_image, open_images
from napari_metaseg.images.write import write_ome_tiff

RNG = np.random.default_rng(0)


def planes_of(image):
    """Every plane of an image, read one by one."""
    return {
        (c, z, t): image.plane(c, z, t)
        for c in range(image.size("C"))
        for z in range(image.size("Z"))
        for t in range(image.size("T"))
    }


def test_each_plane_is_the_one_asked_for(tmp_path):
    data = RNG.integers(0, 999, (2, 3, 4, 5, 7)).astype(np.uint16)
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, data, ome=True, metadata={"axes": "TCZYX"})
    image = open_image(path)
    assert (image.axes, image.shape, image.dtype) == ("TCZYX", data.shape, np.uint16)
    for (c, z, t), plane in planes_of(image).items():
        np.testing.assert_array_equal(plane, data[t, c, z])


def test_opening_reads_no_pixels_and_a_plane_reads_one_page(tmp_path, page_reads):
    path = tmp_path / "stack.tif"
    write_ome_tiff(path, np.zeros((3, 8, 16, 16), np.uint8), "CZYX")
    image = open_image(path)
    lazy = image.dask()
    assert page_reads == []
    image.plane(c=1, z=2)
    assert len(page_reads) == 1
    lazy[2, 7].compute()
    assert len(page_reads) == 2


def test_dask_is_the_whole_image_with_a_chunk_per_plane(tmp_path):
    data = RNG.integers(0, 255, (2, 3, 5, 7)).astype(np.uint8)
    write_ome_tiff(tmp_path / "a.ome.tif", data, "CZYX")
    lazy = open_image(tmp_path / "a.ome.tif").dask()
    assert lazy.chunks == ((1, 1), (1, 1, 1), (5,), (7,))
    np.testing.assert_array_equal(lazy.compute(), data)


def test_an_image_can_be_sent_to_another_process(tmp_path):
    write_ome_tiff(tmp_path / "a.ome.tif", np.eye(4, dtype=np.uint8), "YX")
    image = pickle.loads(pickle.dumps(open_image(tmp_path / "a.ome.tif")))  # noqa: S301
    np.testing.assert_array_equal(image.plane(), np.eye(4))


def test_the_file_is_closed_between_reads(tmp_path):
    path = tmp_path / "a.ome.tif"
    write_ome_tiff(path, np.zeros((4, 4), np.uint8), "YX")
    image = open_image(path)
    image.plane()
    path.unlink()
    with pytest.raises(InputError, match="no longer there"):
        image.plane()


def test_pages_without_axes_are_z_with_a_notice(tmp_path):
    path = tmp_path / "pages.tif"
    tifffile.imwrite(path, np.zeros((5, 8, 8), np.uint8), metadata=None, photometric="minisblack")
    image = open_image(path)
    assert (image.axes, image.shape) == ("ZYX", (5, 8, 8))
    assert "does not say what its 5 pages are; read as z" in image.record.reported[0].message


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colour_comes_last(tmp_path, planar):
    data = RNG.integers(0, 255, (6, 9, 3)).astype(np.uint8)
    stored = data if planar == "contig" else np.moveaxis(data, -1, 0)
    tifffile.imwrite(tmp_path / "c.tif", stored, photometric="rgb", planarconfig=planar)
    image = open_image(tmp_path / "c.tif")
    assert image.axes == "YXS"
    np.testing.assert_array_equal(image.plane(), data)


def test_a_transparent_colour_image_loses_its_alpha(tmp_path):
    data = RNG.integers(0, 255, (6, 9, 4)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "c.tif", data, photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(open_image(tmp_path / "c.tif").plane(), data[..., :3])


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "f4", "f8"])
def test_numbers_arrive_in_this_machines_order(tmp_path, byteorder, dtype):
    data = RNG.integers(0, 99, (4, 5)).astype(dtype)
    tifffile.imwrite(tmp_path / "n.tif", data, byteorder=byteorder)
    image = open_image(tmp_path / "n.tif")
    assert image.dtype == np.dtype(dtype)
    assert image.plane().dtype == np.dtype(dtype)
    np.testing.assert_array_equal(image.plane(), data)


def test_black_and_white_becomes_zero_and_one(tmp_path):
    mask = np.eye(16, dtype=bool)
    tifffile.imwrite(tmp_path / "m.tif", mask, photometric="minisblack")
    image = open_image(tmp_path / "m.tif")
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image.plane(), mask.astype(np.uint8))


@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits", "zstd"])
def test_usual_compressions_are_read(tmp_path, compression):
    data = RNG.integers(0, 9, (40, 30)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "z.tif", data, compression=compression)
    np.testing.assert_array_equal(open_image(tmp_path / "z.tif").plane(), data)


def test_of_a_pyramid_the_full_resolution_is_read(tmp_path):
    data = RNG.integers(0, 255, (64, 64)).astype(np.uint8)
    with tifffile.TiffWriter(tmp_path / "p.ome.tif", ome=True) as tiff:
        tiff.write(data, subifds=1, tile=(16, 16))
        tiff.write(data[::2, ::2], subfiletype=1, tile=(16, 16))
    images = open_images(tmp_path / "p.ome.tif")
    assert [image.shape for image in images] == [(64, 64)]
    np.testing.assert_array_equal(images[0].plane(), data)


def test_every_scene_is_offered_and_found_by_name_or_number(tmp_path):
    path = tmp_path / "scenes.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tiff:
        tiff.write(np.zeros((4, 4), np.uint8), metadata={"axes": "YX", "Name": "left"})
        tiff.write(np.ones((2, 5, 5), np.uint8), metadata={"axes": "ZYX", "Name": "right"})
    assert [i.name for i in open_images(path)] == ["left", "right"]
    assert open_image(path).name == "left"
    assert open_image(path, "right").axes == "ZYX"
    assert open_image(path, "1").plane(z=1).all()
    with pytest.raises(InputError, match=r"no scene 'middle'.*0 \(left\), 1 \(right\)"):
        open_image(path, "middle")


def test_an_imagej_block_with_one_directory_gives_every_plane(tmp_path):
    data = RNG.integers(0, 999, (4, 6, 8)).astype(np.uint16)
    path = tmp_path / "big.tif"
    tifffile.imwrite(path, data, imagej=True, metadata={"axes": "ZYX"})
    with tifffile.TiffFile(path) as tiff:  # as ImageJ writes beyond 4 GB: the first IFD alone
        end = tiff.pages[0].offset
        place = end + 2 + 12 * len(tiff.pages[0].tags)
        order = tiff.byteorder
    raw = bytearray(path.read_bytes())
    raw[place : place + 4] = (0).to_bytes(4, "big" if order == ">" else "little")
    path.write_bytes(bytes(raw))
    image = open_image(path)
    assert image.shape == (4, 6, 8)
    np.testing.assert_array_equal(image.dask().compute(), data)


def test_a_plane_beyond_the_image_is_refused(tmp_path):
    write_ome_tiff(tmp_path / "a.ome.tif", np.zeros((3, 4, 4), np.uint8), "ZYX")
    image = open_image(tmp_path / "a.ome.tif")
    for where in ({"z": 3}, {"c": 1}, {"t": -1}):
        with pytest.raises(InputError, match="has no plane at"):
            image.plane(**where)


def test_complex_pixels_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "c.tif", np.zeros((4, 4), np.complex64))
    with pytest.raises(InputError, match=r"no real numbers.*complex64"):
        open_image(tmp_path / "c.tif")


WRITERS = {
    "ours": lambda p, d: write_ome_tiff(p, d, "ZYX"),
    "tifffile OME": lambda p, d: tifffile.imwrite(p, d, ome=True, metadata={"axes": "ZYX"}),
    "ImageJ": lambda p, d: tifffile.imwrite(p, d, imagej=True, metadata={"axes": "ZYX"}),
    "plain pages": lambda p, d: tifffile.imwrite(p, d, metadata=None, photometric="minisblack"),
    "tiles": lambda p, d: tifffile.imwrite(
        p, d, tile=(16, 16), compression="lzw", photometric="minisblack"
    ),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())
def test_a_truncated_file_is_refused_wherever_it_is_cut(tmp_path: Path, write):
    """No cut may pass for a shorter or darker image: it is refused, or nothing was lost."""
    whole = tmp_path / "whole.tif"
    data = RNG.integers(0, 255, (3, 32, 32)).astype(np.uint8)
    write(whole, data)
    record = open_image(whole).record
    raw = whole.read_bytes()
    cut = tmp_path / "cut.tif"
    refusals = []
    lengths = [4, 8, 9, 20, *np.linspace(30, len(raw) - 1, 30).astype(int)]
    for length in lengths:
        cut.write_bytes(raw[:length])
        try:
            (image,) = open_images(cut)
            np.testing.assert_array_equal(image.dask().compute(scheduler="sync"), data)
        except InputError as error:
            refusals.append(str(error))
        else:
            assert image.record == record
    assert len(refusals) > 25
    assert all("export the image again" in line and str(cut) in line for line in refusals)


def test_bytes_flipped_in_the_structure_never_crash_the_reader(tmp_path):
    whole = tmp_path / "whole.tif"
    write_ome_tiff(whole, np.zeros((2, 8, 8), np.uint8), "ZYX")
    raw = whole.read_bytes()
    for place in range(0, len(raw), 4):
        damaged = bytearray(raw)
        damaged[place] ^= 0xFF
        whole.write_bytes(bytes(damaged))
        try:
            for image in open_images(whole):
                if np.prod(image.shape) < 1e6:
                    image.plane()
        except InputError:
            pass


def described(sizes: str, inside: str = "<TiffData/>", around: str = "") -> str:
    """OME-XML of one image of those sizes."""
    return (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" {sizes}>{inside}</Pixels>'
        f"</Image>{around}</OME>"
    )


SMALL = 'SizeX="8" SizeY="8" SizeZ="1" SizeC="1" SizeT="1"'
MODULO = (
    '<StructuredAnnotations><XMLAnnotation ID="A:0" Namespace="ome/modulo"><Value><Modulo>'
    '<ModuloAlongZ Type="lifetime" Start="0" End="9e8" Step="1"/></Modulo></Value></XMLAnnotation>'
    "</StructuredAnnotations>"
)


@pytest.mark.parametrize(
    "xml",
    [
        described(SMALL.replace('SizeC="1"', 'SizeC="99999999"')),
        described(SMALL.replace('SizeZ="1"', 'SizeZ="999999999"')),
        described(SMALL.replace('SizeX="8"', 'SizeX="2147483647"')),
        described(SMALL, '<TiffData PlaneCount="300000000"/>'),
        described(SMALL, around=MODULO),
    ],
)
def test_a_small_file_that_promises_billions_is_refused_before_room_is_made(tmp_path, xml):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, np.zeros((8, 8), np.uint16), description=xml, metadata=None)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="promises more than the file can hold"):
            open_images(path)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_document_type_in_a_description_is_refused(tmp_path, mark):
    entity = mark + '<!DOCTYPE a [<!ENTITY a "aaaa">]>'
    path = tmp_path / "a.ome.tif"
    xml = (entity + described(SMALL)).encode()
    tifffile.imwrite(path, np.zeros((8, 8), np.uint16), description=xml, metadata=None)
    with pytest.raises(InputError, match="DOCTYPE"):
        open_images(path)


@pytest.mark.parametrize("size", ["0", "-1", "3"])
def test_ome_xml_that_does_not_fit_the_pixels_is_told(tmp_path, size):
    path = tmp_path / "a.ome.tif"
    xml = described(SMALL.replace('SizeX="8"', f'SizeX="{size}"'))
    tifffile.imwrite(path, np.zeros((8, 8), np.uint16), description=xml, metadata=None)
    (image,) = open_images(path)
    assert image.shape == (8, 8)
    assert any("does not fit the pixels" in c.message for c in image.record.reported)


def test_pages_that_the_ome_xml_does_not_speak_of_are_told(tmp_path):
    path = tmp_path / "a.ome.tif"
    xml, pixels = described(SMALL.replace('SizeZ="1"', 'SizeZ="3"')), np.zeros((5, 8, 8), np.uint16)
    tifffile.imwrite(path, pixels, description=xml, metadata=None, photometric="minisblack")
    image = open_image(path)
    assert image.shape == (3, 8, 8)
    assert [c.message for c in image.record.reported] == [
        "the file holds 2 pages that its OME-XML does not speak of"
    ]
