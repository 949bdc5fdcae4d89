from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_metaseg.conditioning.fitting import fit_field
from napari_metaseg.plugin.scales import Scale, around, scale_of

MAGNIFICATION = fit_field("magnification", [5.0, 10.0, 20.0, 40.0])


@given(low=st.floats(0.01, 10), ratio=st.floats(1.5, 1000), at=st.floats(0, 1), log=st.booleans())
def test_a_place_and_its_value_belong_together(low, ratio, at, log):
    scale = Scale(low, low * ratio, logarithmic=log)
    assert scale.place(scale.value(at)) == pytest.approx(at, abs=0.03)


def test_a_doubled_magnification_is_the_same_step_everywhere():
    scale = scale_of(MAGNIFICATION, None)
    places = [scale.place(m) for m in (5, 10, 20, 40)]
    steps = [b - a for a, b in pairwise(places)]
    assert steps == pytest.approx([steps[0]] * 3)


@pytest.mark.parametrize("unseen", [63.0, 2.5])
def test_it_reaches_beyond_what_was_trained(unseen):
    assert 0 < scale_of(MAGNIFICATION, None).place(unseen) < 1 or unseen == 2.5
    assert 0 < scale_of(MAGNIFICATION, unseen).place(unseen) < 1


def test_an_offset_is_even_and_signed():
    scale = scale_of(fit_field("plane_offset_um", [-6.0, 0.0, 6.0]), None)
    assert not scale.logarithmic
    assert scale.place(0) == pytest.approx(0.5)
    assert scale.value(scale.place(-9)) == -9


def test_one_trained_value_has_room_on_both_sides():
    assert (
        0 < around([20.0], logarithmic=True).place(10) < around([20.0], logarithmic=True).place(40)
    )
    assert around([0.0], logarithmic=False) == Scale(-1, 1)


def test_trained_values_are_easy_to_hit():
    scale = scale_of(MAGNIFICATION, 15.0)
    near = scale.place(20) + 0.01
    assert scale.nearest(near, [5, 10, 15, 20, 40], within=0.02) == 20
    assert scale.nearest(near, [5, 10, 15, 20, 40], within=0.001) != 20


def test_values_beyond_the_scale_stand_at_its_ends():
    scale = Scale(1, 10, logarithmic=True)
    assert [scale.place(v) for v in (0, 0.1, 100)] == [0, 0, 1]
