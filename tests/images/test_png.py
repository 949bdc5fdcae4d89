from __future__ import annotations

import zlib

import numpy as np
import pytest
from PIL import Image

from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_image

RNG = np.random.default_rng(0)


def save(path, pixels, mode=None):
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_keeps_its_depth(tmp_path, dtype):
    pixels = RNG.integers(0, np.iinfo(dtype).max, (5, 7)).astype(dtype)
    image = open_image(save(tmp_path / "g.png", pixels))
    assert (image.axes, image.shape, image.dtype) == ("YX", (5, 7), dtype)
    np.testing.assert_array_equal(image.plane(), pixels)
    assert image.plane().dtype == dtype


def test_colour_has_three_samples_and_no_alpha(tmp_path):
    pixels = RNG.integers(0, 255, (5, 7, 4)).astype(np.uint8)
    for data in (pixels[..., :3], pixels):
        image = open_image(save(tmp_path / "c.png", np.ascontiguousarray(data)))
        assert (image.axes, image.shape) == ("YXS", (5, 7, 3))
        np.testing.assert_array_equal(image.plane(), pixels[..., :3])


def test_grey_with_alpha_is_grey(tmp_path):
    pixels = RNG.integers(0, 255, (5, 7)).astype(np.uint8)
    image = open_image(save(tmp_path / "la.png", pixels, "LA"))
    assert image.axes == "YX"
    np.testing.assert_array_equal(image.plane(), pixels)


def test_a_palette_gives_its_colours(tmp_path):
    indexed = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8))
    indexed.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
    indexed.save(tmp_path / "p.png")
    image = open_image(tmp_path / "p.png")
    np.testing.assert_array_equal(image.plane()[0, 1], [255, 0, 0])
    np.testing.assert_array_equal(image.plane()[1, 0], [0, 0, 255])


def test_black_and_white_is_zero_and_one(tmp_path):
    image = open_image(save(tmp_path / "b.png", np.array([[0, 255]], np.uint8), "1"))
    np.testing.assert_array_equal(image.plane(), [[0, 1]])


def test_opening_decodes_nothing(tmp_path, monkeypatch):
    path = save(tmp_path / "g.png", np.zeros((5, 7), np.uint8))
    monkeypatch.setattr(Image, "open", lambda *a, **k: pytest.fail("decoded"))
    assert open_image(path).dask().shape == (5, 7)


def test_sixteen_bits_per_colour_are_refused_and_not_halved(tmp_path):
    raw = bytearray(save(tmp_path / "c.png", np.zeros((2, 2, 3), np.uint8)).read_bytes())
    raw[24] = 16
    (tmp_path / "c.png").write_bytes(bytes(raw))
    with pytest.raises(InputError, match="16 bits per colour"):
        open_image(tmp_path / "c.png")


def test_a_truncated_png_is_refused_wherever_it_is_cut(tmp_path):
    pixels = RNG.integers(0, 255, (64, 64)).astype(np.uint8)
    raw = save(tmp_path / "w.png", pixels).read_bytes()
    for length in np.linspace(9, len(raw) - 40, 25).astype(int):
        (tmp_path / "cut.png").write_bytes(raw[:length])
        with pytest.raises(InputError, match="not a readable PNG"):
            open_image(tmp_path / "cut.png").plane()


def test_a_header_that_claims_a_vast_image_is_refused_and_not_filled(tmp_path):
    raw = bytearray(save(tmp_path / "v.png", np.zeros((2, 2), np.uint8)).read_bytes())
    raw[16:24] = (60_000).to_bytes(4, "big") * 2
    raw[29:33] = zlib.crc32(raw[12:29]).to_bytes(4, "big")
    (tmp_path / "v.png").write_bytes(bytes(raw))
    with pytest.raises(InputError, match="not a readable PNG"):
        open_image(tmp_path / "v.png").plane()
