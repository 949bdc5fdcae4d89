import numpy as np
import pytest

from napari_metaseg.datasets.normalise import normalise
from napari_metaseg.errors import InputError


def test_a_gain_and_an_offset_of_the_camera_make_no_difference():
    image = np.random.default_rng(0).normal(200, 30, (1, 64, 64))
    assert np.allclose(normalise(image), normalise(image * 7 + 1000), atol=1e-4)


def test_the_percentiles_become_0_and_1_in_every_channel():
    image = np.random.default_rng(0).normal(0, 1, (2, 64, 64)) * np.array([[[1]], [[50]]])
    for channel in normalise(image):
        assert np.percentile(channel, [1, 99.8]) == pytest.approx([0, 1], abs=1e-3)


def test_a_constant_image_becomes_zero():
    assert not normalise(np.full((1, 8, 8), 77, np.uint16)).any()


def test_a_nearly_empty_image_keeps_its_few_bright_pixels_finite():
    image = np.zeros((1, 64, 64), np.uint16)
    image[0, 3, 3] = 60000
    out = normalise(image)
    assert out[0, 3, 3] == 1
    assert np.isfinite(out).all()


def test_the_input_is_left_as_it_was():
    image = np.arange(64, dtype=np.float32).reshape(1, 8, 8)
    before = image.copy()
    normalise(image)
    assert np.array_equal(image, before)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_pixels_that_are_not_numbers_are_refused_with_their_count(bad):
    image = np.zeros((1, 8, 8), np.float32)
    image[0, 0, :3] = bad
    with pytest.raises(InputError, match="3 NaN or infinite of 64"):
        normalise(image)


def test_a_plane_without_a_channel_axis_is_refused():
    with pytest.raises(InputError, match=r"\(C, Y, X\)"):
        normalise(np.zeros((8, 8)))
