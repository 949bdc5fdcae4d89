from __future__ import annotations

import pytest

from napari_metaseg.conditioning.fitting import fit_field
from napari_metaseg.conditioning.standing import standing


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (20.0, "trained"),
        (20.1, "trained"),
        (15.0, "interpolated"),
        (63.0, "extrapolated"),
        (2.5, "extrapolated"),
        (None, "unknown"),
    ],
)
def test_a_number_is_trained_between_or_beyond(value, word):
    assert standing(fit_field("magnification", [5.0, 10.0, 20.0, 40.0]), value) == word


def test_of_many_numbers_the_whole_range_is_trained():
    exposure = fit_field("exposure_ms", [float(n) for n in range(5, 40)])
    assert [standing(exposure, v) for v in (17.4, 60.0)] == ["trained", "extrapolated"]


def test_offsets_have_a_sign():
    offset = fit_field("plane_offset_um", [-6.0, 0.0, 6.0])
    assert [standing(offset, v) for v in (-6.0, -3.0, -9.0)] == [
        "trained",
        "interpolated",
        "extrapolated",
    ]


def test_categories_and_truth_values_are_trained_or_not():
    modality = fit_field("modality", ["fluorescence", "brightfield"])
    assert [standing(modality, v) for v in ("brightfield", "DIC")] == ["trained", "not trained"]
    in_focus = fit_field("in_focus", [True])
    assert [standing(in_focus, v) for v in (True, False)] == ["trained", "not trained"]


def test_zooming_beyond_the_images_still_extrapolates():
    zoomed = fit_field("magnification", [10.0, 20.0]).covering(5.0, 40.0)
    assert standing(zoomed, 40.0) == "extrapolated"
