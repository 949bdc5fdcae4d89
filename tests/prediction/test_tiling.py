from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_metaseg.prediction.tiling import padded_shape, plan_tiles


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 30),
    st.integers(0, 3),
    st.sampled_from([1, 2, 4, 8]),
)
def test_the_kept_parts_cover_the_plane_exactly_once(rows, columns, tile, halo, stride):
    shape = (rows * stride, columns * stride)
    count, sides = np.zeros(shape, int), (set(), set())
    plane = np.arange(count.size).reshape(shape)
    for t in plan_tiles(shape, tile_px=tile, halo=halo * stride, stride=stride):
        count[t.place] += 1
        assert np.array_equal(plane[t.read][t.crop], plane[t.place])
        for axis in (0, 1):
            assert t.read[axis].start % stride == 0
            before = t.place[axis].start - t.read[axis].start
            after = t.read[axis].stop - t.place[axis].stop
            assert before >= min(halo * stride, t.place[axis].start)
            assert after >= min(halo * stride, shape[axis] - t.place[axis].stop)
            side = t.read[axis].stop - t.read[axis].start
            assert side <= max(tile // stride, 1) * stride + 2 * halo * stride
            sides[axis].add(side)
    assert (count == 1).all()
    assert [len(s) for s in sides] == [1, 1]


@given(st.integers(1, 300), st.data())
def test_a_part_is_covered_with_less_than_a_stride_around_it(size, data):
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first + 1, size))
    part = (slice(first, last), slice(0, 8))
    shape = padded_shape((size, 8), 8)
    tiles = plan_tiles(shape, tile_px=32, halo=16, stride=8, part=part)
    covered = sorted((t.place[0].start, t.place[0].stop) for t in tiles)
    assert all(a[1] == b[0] for a, b in pairwise(covered))
    assert first - 8 < covered[0][0] <= first
    assert last <= covered[-1][1] < last + 8


@pytest.mark.parametrize(("shape", "padded"), [((1, 1), (8, 8)), ((16, 17), (16, 24))])
def test_planes_are_padded_to_whole_strides(shape, padded):
    assert padded_shape(shape, 8) == padded
