"""Resizing keeps areas, means and places; written out pixel by pixel here."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_metaseg.datasets.resize import (
    resize_image,
    resize_labels,
    resize_window,
    scaled_shape,
)


def area_mean(line, wanted):
    size, out = len(line), []
    for i in range(wanted):
        low, high = i * size / wanted, (i + 1) * size / wanted
        parts = [max(0.0, min(high, j + 1) - max(low, j)) for j in range(size)]
        out.append(sum(p * v for p, v in zip(parts, line, strict=True)) / (high - low))
    return out


@pytest.mark.parametrize(("size", "wanted"), [(7, 3), (10, 5), (9, 8), (5, 1), (101, 37)])
def test_a_smaller_pixel_is_the_mean_of_what_it_covers(size, wanted):
    line = np.random.default_rng(0).random(size)
    small = resize_image(line[None, None], (1, wanted))[0, 0]
    assert small == pytest.approx(area_mean(line, wanted), abs=1e-6)


def test_growing_interpolates_between_centres_and_holds_the_ends():
    grown = resize_image(np.array([[[0.0, 1.0]]]), (1, 4))[0, 0]
    assert grown == pytest.approx([0, 0.25, 0.75, 1])


@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (41, 1), (33, 47)])
@pytest.mark.parametrize("factor", [0.1, 0.37, 1.0, 2.7])
def test_there_and_back_keeps_any_shape_and_a_constant(shape, factor):
    image = np.full((2, *shape), 3.5, np.float32)
    there = resize_image(image, scaled_shape(shape, factor))
    assert np.allclose(there, 3.5)
    assert np.allclose(resize_image(there, shape), image)


def test_axes_are_not_mixed_up():
    image = np.arange(6.0).reshape(1, 2, 3)
    assert resize_image(image, (1, 3))[0, 0] == pytest.approx([1.5, 2.5, 3.5])
    assert resize_image(image, (2, 1))[0, :, 0] == pytest.approx([1, 4])


def test_labels_take_the_nearest_and_make_no_new_ones():
    labels = np.array([[0, 0, 5, 5], [0, 0, 5, 5]])
    assert resize_labels(labels, (1, 2)).tolist() == [[0, 5]]
    assert resize_labels(labels, (4, 8)).tolist() == np.kron(labels, np.ones((2, 2))).tolist()


def some_slice(data, size):
    start = data.draw(st.integers(0, size - 1))
    return slice(start, data.draw(st.integers(start + 1, size)))


@given(st.data())
def test_a_window_equals_the_same_part_of_the_whole(data):
    sides = st.tuples(st.integers(1, 60), st.integers(1, 60))
    shape, new_shape = data.draw(sides), data.draw(sides)
    rows, columns = (some_slice(data, size) for size in new_shape)
    image = np.random.default_rng(0).random((2, *shape), np.float32)
    whole = resize_image(image, new_shape)[:, rows, columns]
    window = resize_window(lambda y, x: image[:, y, x], shape, new_shape, rows, columns)
    assert np.array_equal(window, whole)


@pytest.mark.parametrize(("side", "most"), [(250, 24), (500, 12), (1000, 6), (2000, 5)])
def test_a_window_reads_only_what_it_covers(side, most):
    read = []

    def window(rows, columns):
        read.append((rows.stop - rows.start, columns.stop - columns.start))
        return np.ones((1, *read[-1]))

    resize_window(window, (1000, 1000), (side, side), slice(100, 105), slice(0, 5))
    assert max(max(sides) for sides in read) <= most
