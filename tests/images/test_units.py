from __future__ import annotations

import pytest

from napari_metaseg.images.units import ms_per_unit, scaled, um_per_unit


@pytest.mark.parametrize(
    ("unit", "um"),
    [
        ("µm", 1.0),
        ("\u03bcm", 1.0),
        ("um", 1.0),
        ("micron", 1.0),
        ("\\u00B5m", 1.0),
        ("nm", 1e-3),
        ("mm", 1e3),
        ("m", 1e6),
        ("Å", 1e-4),
        ("inch", 25_400.0),
        ("in", 25_400.0),
    ],
)
def test_lengths_in_micrometres(unit, um):
    assert um_per_unit(unit) == pytest.approx(um)


@pytest.mark.parametrize(
    ("unit", "ms"),
    [("s", 1e3), ("ms", 1.0), ("µs", 1e-3), ("ns", 1e-6), ("min", 6e4), ("sec", 1e3)],
)
def test_times_in_milliseconds(unit, ms):
    assert ms_per_unit(unit) == pytest.approx(ms)


@pytest.mark.parametrize("unit", ["pixel", "reference frame", "", "furlong", "s"])
def test_what_is_no_length_is_none(unit):
    assert um_per_unit(unit) is None


def test_every_unit_of_the_ome_model_is_known():
    from ome_types.model import UnitsLength, UnitsTime

    no_length = {"pixel", "reference frame"}
    far = {"ua", "ly", "pc"}
    assert all(um_per_unit(u.value) for u in UnitsLength if u.value not in no_length | far)
    assert all(ms_per_unit(u.value) for u in UnitsTime)


def test_the_prefixes_agree_with_an_independent_library():
    from ome_types.model import UnitsLength
    from ome_types.units import ureg

    for unit in (u.value for u in UnitsLength):
        factor = um_per_unit(unit)
        if factor is not None and unit not in {"li", "pt", "Å"}:
            assert factor == pytest.approx(ureg.Quantity(1, unit).to("µm").magnitude)


def test_conversion_makes_up_no_digits():
    assert scaled(0.04, 1e3) == 40.0
    assert scaled(1 / 3, 1.0) == 1 / 3
