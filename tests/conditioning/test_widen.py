"""The trained range covers what augmentation shows, no less and no more."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.conditioning.widen import widened_by
from napari_metaseg.datasets.augment import (
    Augmentation,
    Patch,
    augment,
    draw_zoom,
    zoomed_condition,
)
from napari_metaseg.datasets.noise import ChannelNoise
from napari_metaseg.datasets.photons import Stretch
from napari_metaseg.datasets.zoom import trained_range

ROWS = [
    {
        "magnification": m,
        "pixel_size_um": 6.5 / m,
        "exposure_ms": e,
        "plane_offset_um": o,
        "modality": "fluorescence",
    }
    for m, e, o in ((10.0, 20.0, 0.0), (40.0, 80.0, 0.3))
]
NAMES = ["magnification", "pixel_size_um", "exposure_ms", "plane_offset_um"]


def ranges(settings, rows=ROWS):
    schema = widened_by(MetadataSchema.fit(rows, NAMES), settings, rows)
    return {f.name: (f.trained_min, f.trained_max) for f in schema.fields}


def test_nothing_widens_without_augmentation():
    plain = {f.name: (f.trained_min, f.trained_max) for f in MetadataSchema.fit(ROWS, NAMES).fields}
    assert ranges(Augmentation(max_zoom=1)) == plain


def test_zoom_widens_the_scale_both_ways_as_it_always_did():
    fitted = MetadataSchema.fit(ROWS, NAMES)
    always = fitted
    for field in fitted.fields:
        if field.name in ("magnification", "pixel_size_um"):
            low, high = field.trained_min / 1.4, field.trained_max * 1.4
            always = always.covering(field.name, low, high)
    now = widened_by(fitted, Augmentation(max_zoom=1.4, zoom_beyond=float("inf")), ROWS)
    for condition in ROWS:
        np.testing.assert_allclose(now.encode(condition), always.encode(condition), atol=1e-6)


def test_zooming_in_has_its_own_limit():
    found = ranges(Augmentation(max_zoom=2, max_zoom_in=1.25, zoom_beyond=2))
    assert found["magnification"] == pytest.approx((5, 50))
    assert found["pixel_size_um"] == pytest.approx((6.5 / 50, 6.5 / 5))


def test_zooming_kept_within_the_training_set_widens_nothing():
    assert ranges(Augmentation(max_zoom=2))["magnification"] == (10, 40)


def test_exposure_widens_downwards_alone():
    assert ranges(Augmentation(max_zoom=1, max_thinning=4))["exposure_ms"] == (5, 80)


def test_the_offset_widens_as_defocus_adds_up():
    found = ranges(Augmentation(max_zoom=1, max_defocus_um=4))["plane_offset_um"]
    assert found == pytest.approx((-4, np.hypot(0.3, 4)))
    bright = [{**row, "modality": "brightfield"} for row in ROWS]
    kept = ranges(Augmentation(max_zoom=1, max_defocus_um=4), bright)["plane_offset_um"]
    assert kept == (0, 0.3)


def test_defocus_shows_planes_out_of_focus_where_all_are_in_it():
    rows = [{**row, "in_focus": True} for row in ROWS]
    fitted = MetadataSchema.fit(rows, ["in_focus"])

    def encoded(settings, rows=rows):
        return list(widened_by(fitted, settings, rows).encode({"in_focus": False}))

    assert encoded(Augmentation(max_zoom=1, max_defocus_um=40)) == [-1, 1]
    assert encoded(Augmentation(max_zoom=1)) == [0, 0]
    assert encoded(Augmentation(max_zoom=1, max_defocus_um=1e-6)) == [0, 0]
    bright = [{**row, "modality": "brightfield"} for row in rows]
    assert encoded(Augmentation(max_zoom=1, max_defocus_um=40), bright) == [0, 0]


def test_whatever_augmentation_makes_lies_within_the_range():
    settings = Augmentation(max_zoom=2, max_thinning=4, max_defocus_um=4, zoom_beyond=1.3)
    reach = ranges(settings)
    rng = np.random.default_rng(0)
    stretch = (Stretch((1.0, 4.0), (0.0, 0.0), (1.0, 1.0)),)
    for n in range(300):
        row = ROWS[n % 2]
        side = round(32 / draw_zoom(settings, row, rng, trained_range(ROWS)))
        blank = np.zeros((side, side), np.int16)
        image = np.zeros((1, side, side), np.float32)
        patch = Patch(image, blank, blank == 0, row, (ChannelNoise(1e-3, 1e-3),), stretch)
        made = augment(patch, settings, 32, rng).condition
        for name, (low, high) in reach.items():
            # A patch has whole pixels, so that its zoom may differ a little from the one drawn.
            assert low - 0.03 * abs(low) <= made[name] <= high + 0.03 * abs(high), name
    assert zoomed_condition(ROWS[0], 2.0)["magnification"] == 20
