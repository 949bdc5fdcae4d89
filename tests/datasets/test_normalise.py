import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_metaseg.datasets.normalise import (
    measure_levels,
    measure_levels_in_blocks,
    normalise,
)
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


FINITE = st.floats(-(2.0**99), 2.0**99, width=32)
PLANES = st.sampled_from(
    ["uint8", "int8", "uint16", "int16", "float32", "uint32", "float64"]
).flatmap(
    lambda dtype: arrays.arrays(
        dtype,
        st.tuples(st.integers(1, 2), st.integers(1, 30), st.integers(1, 30)),
        elements=FINITE if dtype.startswith("f") else None,
    )
)


def blocks_of(plane, side):
    starts = [
        (y, x) for y in range(0, plane.shape[1], side) for x in range(0, plane.shape[2], side)
    ]
    return lambda: (plane[:, y : y + side, x : x + side] for y, x in starts)


@given(plane=PLANES, side=st.integers(1, 40))
def test_levels_from_blocks_are_those_of_the_whole(plane, side):
    assert measure_levels_in_blocks(blocks_of(plane, side)) == measure_levels(plane)


@given(plane=PLANES)
def test_levels_are_the_percentiles_that_numpy_finds(plane):
    for channel, (low, span) in zip(plane.astype(np.float32), measure_levels(plane), strict=True):
        wanted, high = (float(level) for level in np.percentile(channel, (1, 99.8)))
        rounding = 1e-6 * float(np.abs(channel).max())
        assert low == pytest.approx(wanted, abs=rounding)
        if high - wanted > rounding:
            assert low + span == pytest.approx(high, abs=2 * rounding)


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_where_percentiles_are_equal_the_farthest_value_is_1(dtype):
    plane = np.full((1, 100, 100), 50, dtype)
    plane[0, 0, :5] = 20, 80, 90, 60, 49
    assert measure_levels(plane) == ((50, 40),)
    assert measure_levels(plane[:, 1:]) == ((50, 1),)


def test_blocks_with_pixels_that_are_not_numbers_are_refused_with_their_count():
    image = np.zeros((2, 8, 8), np.float32)
    image[1, 0, :4] = np.nan, -np.nan, np.inf, -np.inf
    with pytest.raises(InputError, match=r"well A has pixels .*4 NaN or infinite of 128"):
        measure_levels_in_blocks(blocks_of(image, 3), "well A")
