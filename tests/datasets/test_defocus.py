"""Added distance from focus: its blur, its metadata, and where it is left alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from napari_metaseg.datasets.augment import Augmentation, Patch, augment
from napari_metaseg.datasets.defocus import (
    blur_px,
    can_defocus,
    defocused_condition,
    depth_of_field_um,
)
from napari_metaseg.datasets.microscope.optics import Optics, common_objective

KNOWN = {"magnification": 20.0, "pixel_size_um": 0.325, "modality": "fluorescence"}
STILL = Augmentation(turns=False, contrast=0, noise=0, max_zoom=1)


def test_blur_is_half_the_distance_times_the_slope_of_the_light_cone():
    slope = 0.5 / math.sqrt(1 - 0.5**2)
    assert blur_px(KNOWN, 4.0) == pytest.approx(0.5 * 4.0 * slope / 0.325)


def test_it_agrees_with_the_virtual_microscope_but_for_the_sign():
    optics = Optics(common_objective(20.0))
    both = [optics.defocus_sigma_um(d) / optics.pixel_size_um for d in (-5.0, 5.0)]
    assert blur_px(KNOWN, 5.0) == pytest.approx(np.mean(both))


@pytest.mark.parametrize(("offset", "expected"), [(3.0, 5.0), (-3.0, -5.0)])
def test_distances_add_in_squares_and_keep_their_side(offset, expected):
    rng = np.random.default_rng(0)
    after = defocused_condition({**KNOWN, "plane_offset_um": offset}, 4.0, rng)
    assert after["plane_offset_um"] == pytest.approx(expected)


def test_from_focus_itself_both_sides_are_drawn():
    rng = np.random.default_rng(0)
    drawn = [
        defocused_condition({**KNOWN, "plane_offset_um": 0.0}, 4.0, rng)["plane_offset_um"]
        for _ in range(20)
    ]
    assert set(drawn) == {-4.0, 4.0}


def test_beyond_the_depth_of_field_it_is_out_of_focus():
    assert depth_of_field_um(KNOWN) == pytest.approx(0.55 / 0.5**2)
    rng = np.random.default_rng(0)
    focused = {**KNOWN, "in_focus": True}
    assert defocused_condition(focused, 2.0, rng)["in_focus"] is True
    assert defocused_condition(focused, 2.4, rng)["in_focus"] is False
    assert "plane_offset_um" not in defocused_condition(focused, 2.4, rng)


@pytest.mark.parametrize(
    ("changes", "possible"),
    [
        ({"plane_offset_um": 0.0}, True),
        ({"in_focus": True}, True),
        ({"in_focus": False}, False),
        ({}, False),
        ({"plane_offset_um": 0.0, "modality": "brightfield"}, False),
        ({"plane_offset_um": 0.0, "modality": "phase contrast"}, False),
    ],
)
def test_only_known_focus_in_fluorescence_is_changed(changes, possible):
    assert can_defocus({**KNOWN, **changes}) == possible


def test_scale_must_be_known():
    assert not can_defocus({"modality": "fluorescence", "in_focus": True, "magnification": 20.0})


def test_a_patch_is_blurred_as_its_new_offset_says():
    point = np.zeros((1, 65, 65), np.float32)
    point[0, 32, 32] = 1
    classes = np.zeros((65, 65), np.int16)
    patch = Patch(point, classes, classes == 0, {**KNOWN, "plane_offset_um": 0.0})
    settings = replace(STILL, max_defocus_um=6.0, defocus_share=1.0)
    made = augment(patch, settings, 65, np.random.default_rng(4))
    distance = abs(made.condition["plane_offset_um"])
    assert 0.5 < distance < 6
    spread = made.image[0].sum(axis=0)
    width = np.sqrt((spread * (np.arange(65) - 32) ** 2).sum() / spread.sum())
    assert width == pytest.approx(blur_px(KNOWN, distance), rel=0.05)
    assert np.array_equal(made.classes, classes)


def test_without_the_setting_nothing_is_blurred():
    classes = np.zeros((64, 64), np.int16)
    noise = np.random.default_rng(0).normal(size=(1, 64, 64)).astype(np.float32)
    patch = Patch(noise, classes, classes == 0, {**KNOWN, "plane_offset_um": 0.0})
    assert np.array_equal(augment(patch, STILL, 64, np.random.default_rng(4)).image, noise)
