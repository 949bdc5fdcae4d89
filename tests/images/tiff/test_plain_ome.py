"""Long stacks open without reading the directory of every page."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tifffile

from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_image
from napari_metaseg.images.tiff import plain_ome, reader
from napari_metaseg.images.tiff.plain_ome import plan_plain_ome

ORDERS = ["".join(order) for order in itertools.permutations("TCZ")]


@pytest.fixture(autouse=True)
def every_file_counts_as_large(monkeypatch):
    monkeypatch.setattr(plain_ome, "_LARGE_BYTES", 0)


def write(path, axes="TCZYX", **options):
    """A stack in which every plane holds its own number."""
    sizes = {"T": 2, "C": 3, "Z": 4, "Y": 5, "X": 6}
    shape = tuple(sizes[a] for a in axes)
    planes = np.arange(np.prod(shape[:-2])).reshape(*shape[:-2], 1, 1)
    pixels = np.broadcast_to(planes, shape).astype(np.uint16)
    exposures = {"ExposureTime": [0.04] * int(np.prod(shape[:-2]))}
    metadata = {"axes": axes, "Plane": exposures, **options.pop("metadata", {})}
    tifffile.imwrite(path, pixels, metadata=metadata, ome=True, **options)
    return pixels


def planned(path):
    with tifffile.TiffFile(path) as tiff:
        return plan_plain_ome(tiff)


@pytest.mark.parametrize("order", ORDERS)
def test_planes_stand_where_tifffile_finds_them(tmp_path, order):
    path = tmp_path / "stack.ome.tif"
    pixels = write(path, f"{order}YX")
    assert planned(path) is not None
    image = open_image(path)
    whole = np.transpose(pixels, [f"{order}YX".index(a) for a in "TCZYX"])
    assert image.shape == whole.shape
    for t, c, z in itertools.product(range(2), range(3), range(4)):
        assert image.plane(c=c, z=z, t=t).tolist() == whole[t, c, z].tolist()


def test_one_page_is_read_for_one_plane_and_no_other_is_looked_at(tmp_path, page_reads):
    path = tmp_path / "stack.ome.tif"
    write(path)
    assert open_image(path).plane(c=1, z=2, t=1).max() == 1 * 12 + 1 * 4 + 2
    assert page_reads == [1 * 12 + 1 * 4 + 2]


def test_the_record_is_read_when_it_is_asked_for(tmp_path, monkeypatch):
    path = tmp_path / "stack.ome.tif"
    write(path)
    asked = []
    read = reader.series_record
    monkeypatch.setattr(reader, "series_record", lambda *a, **k: asked.append(1) or read(*a, **k))
    image = open_image(path)
    image.plane()
    assert asked == []
    assert image.record.channel(0).get("exposure_time_ms").value == 40.0
    assert image.record is image.record
    assert asked == [1]


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zlib"},
        {"axes": "TZYX", "photometric": "minisblack", "subifds": 1},
    ],
    ids=["compressed", "a pyramid"],
)
def test_other_kinds_are_left_to_tifffile(tmp_path, options):
    path = tmp_path / "stack.ome.tif"
    write(path, **options) if "subifds" not in options else _write_pyramid(path)
    assert planned(path) is None
    assert open_image(path).plane(z=1).max() == 1


def _write_pyramid(path):
    with tifffile.TiffWriter(path, ome=True) as writer:
        planes = np.broadcast_to(np.arange(3, dtype=np.uint16).reshape(3, 1, 1), (3, 32, 32))
        writer.write(planes, subifds=1, metadata={"axes": "ZYX"})
        writer.write(planes[:, ::2, ::2], subfiletype=1)


def test_several_images_are_left_to_tifffile(tmp_path):
    path = tmp_path / "two.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        for value in (1, 2):
            writer.write(np.full((3, 8, 8), value, np.uint8), metadata={"axes": "ZYX"})
    assert planned(path) is None
    assert open_image(path, "1").plane().max() == 2


def test_a_file_of_a_set_is_left_to_tifffile(write_ome):
    from importlib import util
    from pathlib import Path

    spec = util.spec_from_file_location("_cases", Path(__file__).parents[1] / "conftest.py")
    cases = util.module_from_spec(spec)
    spec.loader.exec_module(cases)
    xml = cases.ome_xml(sizes=(1, 2, 1))
    named = "<TiffData IFD='0'><UUID FileName='other.tif'>urn:uuid:1</UUID></TiffData>"
    path = write_ome(xml.replace("<TiffData IFD='0' PlaneCount='2'/>", named), pages=2)
    assert planned(path) is None


@pytest.mark.parametrize(
    ("blocks", "plain"),
    [
        ("<TiffData/>", True),
        ("<TiffData IFD='0' FirstZ='0'/><TiffData IFD='1' FirstZ='1'/>", True),
        ("<TiffData IFD='1' FirstZ='0'/><TiffData IFD='0' FirstZ='1'/>", False),
        ("<TiffData IFD='0' PlaneCount='1'/>", False),
        ("<TiffData IFD='1' PlaneCount='2'/>", False),
        ("", False),
    ],
)
def test_only_plane_after_plane_on_page_after_page_is_plain(write_ome, blocks, plain):
    body = (
        "<OME xmlns='http://www.openmicroscopy.org/Schemas/OME/2016-06'><Image ID='Image:0'>"
        "<Pixels ID='Pixels:0' DimensionOrder='XYZCT' Type='uint8' SizeX='6' SizeY='4' SizeZ='2' "
        f"SizeC='1' SizeT='1'>{blocks}</Pixels></Image></OME>"
    )
    assert (planned(write_ome(body, pages=2)) is not None) == plain


def test_a_file_too_short_for_its_planes_is_refused_at_once(tmp_path):
    path = tmp_path / "stack.ome.tif"
    write(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"truncated|not a readable TIFF"):
        open_image(path)


def test_a_page_that_is_missing_is_a_clear_error_when_it_is_read(tmp_path):
    path = tmp_path / "stack.ome.tif"
    write(path, "ZYX")
    with tifffile.TiffFile(path) as tiff:
        xml = tiff.ome_metadata.replace('SizeZ="4"', 'SizeZ="5"')
    xml = xml.replace('PlaneCount="4"', 'PlaneCount="5"')
    tifffile.tiffcomment(path, xml.encode())
    with path.open("ab") as file:
        file.write(bytes(1000))
    image = open_image(path)
    assert image.size("Z") == 5
    assert image.plane(z=3).max() == 3
    with pytest.raises(InputError, match="no page for plane 4"):
        image.plane(z=4)
