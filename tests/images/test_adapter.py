"""Formats that other libraries read: with bioio, with aicsimageio, and with neither."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import dask.array as da
import numpy as np
import pytest
from PIL import Image

from napari_metaseg.errors import InputError
from napari_metaseg.images import adapter
from napari_metaseg.images.open import open_images

needs_library = pytest.mark.skipif(
    not adapter.installed_library(), reason="neither bioio nor aicsimageio is installed"
)


class Library:
    """What both libraries offer, over two scenes of numbered planes."""

    scenes = ("first", "second")
    dtype = np.dtype(">u2")
    channel_names = ("DAPI", "Channel:0:1")
    sizes = (0.5, 0.25, 0.25)

    def __init__(self, path, chunk_dims=("Y", "X")):
        self.scene, self.reads = "", []
        shape = (1, 2, 3, 4, 6)
        self.dims = SimpleNamespace(order="TCZYX", shape=shape)
        planes = np.arange(6).reshape(1, 2, 3, 1, 1)
        self.pixels = np.broadcast_to(planes, shape).astype(np.uint16)

    def set_scene(self, scene):
        self.scene = scene

    @property
    def physical_pixel_sizes(self):
        return SimpleNamespace(**dict(zip("ZYX", self.sizes, strict=True)))

    @property
    def ome_metadata(self):
        raise NotImplementedError

    def get_image_dask_data(self, order, T, C, Z):  # noqa: N803 - the libraries' own names
        assert order == "YX"
        return da.from_array(self.pixels[T, C, Z] + 100 * self.scenes.index(self.scene))


@pytest.fixture
def library(monkeypatch, tmp_path):
    """A file of an unknown format, read by `Library`."""
    monkeypatch.setattr(adapter, "installed_library", lambda: "bioio")
    monkeypatch.setattr("napari_metaseg.images.formats.installed_library", lambda: "bioio")
    monkeypatch.setattr(adapter, "import_module", lambda name: SimpleNamespace(BioImage=Library))
    path = tmp_path / "stack.xyz"
    path.write_bytes(bytes([1, 2, 3, 250]) * 8)
    return path


def test_scenes_planes_and_axes_are_the_librarys(library):
    first, second = open_images(library)
    assert (first.name, second.name) == ("first", "second")
    assert (first.axes, first.shape) == ("CZYX", (2, 3, 4, 6))
    assert first.dtype == np.uint16
    assert first.plane(c=1, z=2).tolist() == np.full((4, 6), 5).tolist()
    assert second.plane(c=0, z=1).max() == 101
    assert first.plane().max() == 0, "reading one scene must not leave the other chosen"


def test_sizes_and_names_are_read_with_where_they_stand(library):
    record = open_images(library)[0].record
    size = record.get("pixel_size_x_um")
    assert (size.value, size.source, size.path) == (0.25, "file", "bioio physical_pixel_sizes")
    assert record.get("pixel_size_z_um").value == 0.5
    assert [channel.name for channel in record.channels] == ["DAPI", ""]


def test_one_micrometre_is_taken_for_no_calibration(library, monkeypatch):
    monkeypatch.setattr(Library, "sizes", (None, 1.0, 1.0))
    record = open_images(library)[0].record
    assert not record.get("pixel_size_x_um").known
    assert any("1 µm along x" in notice.message for notice in record.reported)


def test_a_reader_that_fails_is_one_clear_error(library, monkeypatch):
    def fail(self, path, chunk_dims=()):
        raise ZeroDivisionError("no such\nluck")

    monkeypatch.setattr(Library, "__init__", fail)
    with pytest.raises(InputError, match=r"unknown format.*bioio cannot read it \(no such luck\)"):
        open_images(library)


def test_without_a_library_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("napari_metaseg.images.formats.installed_library", lambda: "")
    path = tmp_path / "image.bmp"
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(path)
    with pytest.raises(InputError, match=r"a BMP file.*napari-metaseg\[bioio\]"):
        open_images(path)


@needs_library
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_an_installed_library_reads_a_format_that_is_not_ours(tmp_path, mode):
    path = tmp_path / "image.bmp"
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30), np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    (image,) = open_images(path)
    assert image.axes == ("YX" if mode == "L" else "YXS")
    again = pickle.loads(pickle.dumps(image))  # noqa: S301 - our own bytes, as dask sends them
    shown = again.plane()[..., 0] if mode == "RGB" else again.plane()
    assert np.array_equal(shown, pixels)
    assert np.array_equal(np.asarray(image.dask()), image.plane())
    assert not image.record.get("pixel_size_x_um").known


@needs_library
def test_an_installed_library_reads_several_planes(tmp_path):
    path = tmp_path / "film.gif"
    frames = [Image.fromarray(np.full((20, 30), 60 * i, np.uint8)) for i in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    (image,) = open_images(path)
    assert image.size("T") == 3
    assert [int(image.plane(t=t).mean()) for t in range(3)] == [0, 60, 120]


@needs_library
def test_what_an_installed_library_cannot_read_is_refused(tmp_path):
    path = tmp_path / "field.ics"
    path.write_bytes(b"\t\r\nics_version\t2.0\r\n" + bytes(100))
    with pytest.raises(InputError, match=r"an ICS file; .* cannot read it.*bioio-bioformats"):
        open_images(path)
