from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_image


@pytest.mark.parametrize(("shape", "axes"), [((16, 24), "YX"), ((16, 24, 3), "YXS")])
def test_grey_and_colour(tmp_path, shape, axes):
    path = tmp_path / "called.png"
    Image.fromarray(np.full(shape, 120, np.uint8)).save(path, "JPEG", quality=95)
    image = open_image(path)
    assert (image.axes, image.shape) == (axes, shape)
    np.testing.assert_allclose(image.plane().astype(int), 120, atol=3)
    assert "JPEG compression changed the intensities" in image.record.reported[0].message


def test_a_cut_jpeg_is_refused_wherever_it_is_cut(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=95)
    raw = (tmp_path / "a.jpg").read_bytes()
    for length in np.linspace(4, len(raw) - 30, 25).astype(int):
        (tmp_path / "cut.jpg").write_bytes(raw[:length])
        with pytest.raises(InputError, match="not a readable JPEG"):
            open_image(tmp_path / "cut.jpg").plane()


def test_a_header_that_claims_a_vast_image_is_refused_and_not_filled(tmp_path):
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(tmp_path / "v.jpg")
    raw = bytearray((tmp_path / "v.jpg").read_bytes())
    frame = raw.index(b"\xff\xc0")
    raw[frame + 5 : frame + 9] = (60_000).to_bytes(2, "big") * 2
    (tmp_path / "v.jpg").write_bytes(bytes(raw))
    with pytest.raises(InputError, match="not a readable JPEG"):
        open_image(tmp_path / "v.jpg").plane()
