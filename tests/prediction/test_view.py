"""Any window of a plane as networks see it equals that window of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_metaseg.datasets.normalise import measure_levels, normalise
from napari_metaseg.datasets.resize import resize_image
from napari_metaseg.errors import InputError
from napari_metaseg.prediction.view import ArrayPlane, PlaneView, levels_of, resized


class Lazy:
    """A plane that is read window by window, and tells what was read."""

    def __init__(self, pixels):
        self.pixels, self.shape, self.largest = pixels, pixels.shape, 0

    def read(self, rows, columns):
        self.largest = max(self.largest, (rows.stop - rows.start) * (columns.stop - columns.start))
        return self.pixels[:, rows, columns]


def pixels(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 4000, (1, height, width), np.uint16)


@given(st.data(), st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 4, 8]))
@settings(max_examples=60, deadline=None)
def test_windows_are_those_of_the_normalised_plane_continued_as_in_a_mirror(
    data, height, width, stride
):
    image = pixels(height, width)
    view = PlaneView(ArrayPlane(image), levels_of(ArrayPlane(image)), stride)
    missing = [(0, have - want) for have, want in zip(view.shape, (height, width), strict=True)]
    whole = np.pad(normalise(image), [(0, 0), *missing], mode="symmetric")
    ends = []
    for side in view.shape:
        first = data.draw(st.integers(0, side - 1))
        ends.append(slice(first, data.draw(st.integers(first + 1, side))))
    assert np.array_equal(view.read(*ends), whole[:, ends[0], ends[1]])


@pytest.mark.parametrize("shape", [(30, 20), (90, 75), (61, 50)])
def test_a_plane_that_is_read_in_windows_is_resized_in_windows(shape):
    lazy, image = Lazy(pixels(61, 50)), pixels(61, 50)
    small, whole = resized(lazy, shape), resize_image(image, shape)
    assert small.shape == (1, *shape)
    rows, columns = slice(3, 9), slice(5, 20)
    assert np.allclose(small.read(rows, columns), whole[:, rows, columns], atol=1e-3)
    if shape != (61, 50):
        assert lazy.largest < 61 * 50 / 2


def test_levels_of_such_a_plane_are_measured_in_blocks(monkeypatch):
    monkeypatch.setattr("napari_metaseg.prediction.view._BLOCK_PX", 16)
    lazy = Lazy(pixels(61, 50))
    assert levels_of(lazy) == measure_levels(lazy.pixels)
    assert lazy.largest == 256


def test_a_plane_with_no_number_in_it_is_refused():
    image = pixels(8, 8).astype(np.float32)
    image[0, 3, 3] = np.nan
    with pytest.raises(InputError, match="not numbers"):
        levels_of(ArrayPlane(image))
