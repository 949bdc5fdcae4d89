"""What a network is told at the test, by hand."""

import math

import numpy as np
import pytest

from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.studies.told import told

PLANE = np.zeros((1, 4, 4), np.float32)


def item(name="i", **condition):
    return PlaneItem(name, PLANE, condition, None)


TRAINING = [
    item(magnification=m, pixel_size_um=6.5 / m, modality=kind, exposure_ms=20.0)
    for m, kind in ((5.0, "brightfield"), (10.0, "fluorescence"), (40.0, "phase contrast"))
]
TEST = [
    item(magnification=m, pixel_size_um=6.5 / m, modality="fluorescence")
    for m in (5.0, 10.0, 15.0, 40.0) * 5
]


def test_the_truth_and_nothing():
    assert told("true", TEST, TRAINING, ()) == [i.condition for i in TEST]
    assert told("withheld", TEST, TRAINING, ()) == [{}] * len(TEST)


def test_wrong_is_the_farthest_trained_number_as_a_ratio_and_the_next_category():
    wrong = told("wrong", TEST[:4], TRAINING, ("magnification", "modality"))
    assert [c["magnification"] for c in wrong] == [40.0, 40.0, 5.0, 5.0]
    assert [c["pixel_size_um"] for c in wrong] == pytest.approx([0.1625, 0.1625, 1.3, 1.3])
    assert {c["modality"] for c in wrong} == {"phase contrast"}
    (last,) = told("wrong", [item(modality="phase contrast")], TRAINING, ("modality",))
    assert last["modality"] == "brightfield"


def test_signed_numbers_are_compared_by_difference():
    trained = [item(plane_offset_um=o) for o in (-6.0, 0.0, 4.0)]
    wrong = told("wrong", [item(plane_offset_um=-1.5)], trained, ("plane_offset_um",))
    assert wrong == [{"plane_offset_um": 4.0}]


def test_only_the_named_fields_change_and_unknown_ones_stay_unknown():
    for how in ("wrong", "random", "noisy"):
        (condition,) = told(how, [item(exposure_ms=80.0)], TRAINING, ("modality",))
        assert condition["exposure_ms"] == 80.0
        assert told(how, [item()], TRAINING, ("magnification",)) == [{}]


def test_a_field_that_a_drawn_combination_lacks_is_unknown():
    trained = [item(magnification=5.0)]
    drawn = told("random", [item(magnification=10.0, exposure_ms=1.0)], trained, ())
    assert drawn == [{"magnification": 5.0, "exposure_ms": 1.0}]  # never seen: left alone
    trained = [item(magnification=5.0), item(exposure_ms=20.0)]
    drawn = told("random", [item(magnification=10.0, exposure_ms=1.0)] * 20, trained, ())
    assert {tuple(c.items()) for c in drawn} == {
        (("magnification", 5.0),),
        (("exposure_ms", 20.0),),
    }


def test_random_draws_trained_combinations():
    drawn = told("random", TEST, TRAINING, ("magnification",))
    pairs = {(c["magnification"], c["pixel_size_um"]) for c in drawn}
    assert pairs == {(5.0, 1.3), (10.0, 0.65), (40.0, 0.1625)}


def test_noise_is_a_quarter_octave_and_keeps_magnification_times_pixel_size():
    many = [item(magnification=20.0, pixel_size_um=0.325, modality="fluorescence")] * 400
    noisy = told("noisy", many, TRAINING, ("magnification", "modality"))
    octaves = [math.log2(c["magnification"] / 20) for c in noisy]
    assert np.std(octaves) == pytest.approx(0.25, rel=0.15)
    assert np.mean(octaves) == pytest.approx(0, abs=0.05)
    assert [c["magnification"] * c["pixel_size_um"] for c in noisy] == pytest.approx([6.5] * 400)
    flipped = np.mean([c["modality"] != "fluorescence" for c in noisy])
    assert flipped == pytest.approx(0.2, abs=0.06)


@pytest.mark.parametrize("how", ["random", "noisy", "wrong"])
def test_it_is_always_the_same(how):
    assert told(how, TEST, TRAINING, ()) == told(how, TEST, TRAINING, ())
