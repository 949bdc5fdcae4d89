from itertools import pairwise

import pytest

from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.inspection.sweep import curve_values, label_of_value, sweep_values


def field(name, values):
    return MetadataSchema.fit([{name: value} for value in values], (name,)).fields[0]


def test_a_few_trained_numbers_are_tried_themselves():
    assert sweep_values(field("magnification", [40.0, 10.0, 20.0])) == (10.0, 20.0, 40.0)


def test_of_many_numbers_seven_are_tried_evenly_in_the_fields_own_scale():
    values = sweep_values(field("exposure_ms", [1.0 * 1.2**i for i in range(20)]))
    assert len(values) == 7
    ratios = [b / a for a, b in pairwise(values)]
    assert ratios == pytest.approx([ratios[0]] * 6)


def test_yes_and_no_and_words_are_tried_as_trained():
    assert sweep_values(field("in_focus", [True, False])) == (False, True)
    assert sweep_values(field("modality", ["DIC", "DIC"])) == ("DIC",)
    assert curve_values(field("modality", ["DIC", "DIC"])) == ()


def test_a_signed_number_is_followed_beyond_both_ends():
    values = curve_values(field("plane_offset_um", [-2.0, 0.0, 2.0]))
    assert values[0] == pytest.approx(-3.4)
    assert values[-1] == pytest.approx(3.4)
    assert list(values) == sorted(values)


@pytest.mark.parametrize(
    ("value", "label"), [(None, "unknown"), (0.65, "0.65"), (True, "yes"), (1234.5, "1234")]
)
def test_values_are_named_for_people(value, label):
    assert label_of_value(value) == label
