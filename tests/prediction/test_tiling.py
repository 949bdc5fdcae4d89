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
    count = np.zeros(shape, int)
    plane = np.arange(count.size).reshape(shape)
    for t in plan_tiles(shape, tile_px=tile, halo=halo * stride, stride=stride):
        count[t.place] += 1
        assert np.array_equal(plane[t.read][t.crop], plane[t.place])
        for axis in (0, 1):
            assert t.read[axis].start % stride == 0
            before = t.place[axis].start - t.read[axis].start
            after = t.read[axis].stop - t.place[axis].stop
            assert before == min(halo * stride, t.place[axis].start)
            assert after == min(halo * stride, shape[axis] - t.place[axis].stop)
    assert (count == 1).all()


@pytest.mark.parametrize(("shape", "padded"), [((1, 1), (8, 8)), ((16, 17), (16, 24))])
def test_planes_are_padded_to_whole_strides(shape, padded):
    assert padded_shape(shape, 8) == padded
