"""The schema: fitted on training values, unknown as a state of its own, honest about the rest."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metaseg.conditioning.encodings import ENCODINGS
from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.errors import InputError

TRAINING = [
    {"magnification": 5.0, "modality": "brightfield", "in_focus": True, "plane_offset_um": -4.0},
    {"magnification": 10.0, "modality": "fluorescence", "in_focus": False, "plane_offset_um": 0.0},
    {"magnification": 20.0, "exposure_ms": 40.0},
    {"magnification": 40.0, "plane_offset_um": 4.0, "cell line": "HeLa"},
]
EVERY = ("magnification", "modality", "exposure_ms", "in_focus", "plane_offset_um", "cell line")


@pytest.fixture
def schema():
    return MetadataSchema.fit(TRAINING, EVERY)


def part(schema, condition, name):
    return schema.encode(condition)[schema.field_slices[name]].tolist()


def test_magnification_is_even_in_octaves(schema):
    codes = [part(schema, {"magnification": m}, "magnification")[0] for m in (5, 10, 20, 40)]
    assert codes == pytest.approx([-1, -1 / 3, 1 / 3, 1], abs=1e-6)


def test_exposure_is_logarithmic():
    schema = MetadataSchema.fit([{"exposure_ms": 1.0}, {"exposure_ms": 100.0}], ["exposure_ms"])
    assert schema.encode({"exposure_ms": 10.0}).tolist() == pytest.approx([0, 1])


def test_offset_keeps_its_sign_and_zero_is_not_unknown(schema):
    name = "plane_offset_um"
    assert [part(schema, {name: um}, name) for um in (-2.0, 0.0, 2.0)] == [
        [-0.5, 1],
        [0, 1],
        [0.5, 1],
    ]
    assert part(schema, {}, name) == [0, 0]


def test_truth_values_and_categories(schema):
    assert part(schema, {"in_focus": True}, "in_focus") == [1, 1]
    assert part(schema, {"in_focus": False}, "in_focus") == [-1, 1]
    assert part(schema, {"modality": "fluorescence"}, "modality") == [0, 1, 1]


def test_unknown_is_all_zeros_and_differs_from_every_known_value(schema):
    assert not schema.encode({}).any()
    for condition in TRAINING:
        for name in set(condition) & set(EVERY):
            assert part(schema, condition, name)[-1] == 1


def test_the_vector_has_the_schemas_size_and_type(schema):
    vector = schema.encode(TRAINING[0])
    assert vector.shape == (schema.size,)
    assert vector.dtype == np.float32
    assert schema.field_slices["cell line"].stop == schema.size


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("value", [0.0, 20.0])
def test_a_single_training_value_encodes_to_finite_numbers(encoding, value):
    schema = MetadataSchema.fit([{"dose": value}] * 3, ["dose"], encoding=encoding)
    assert np.isfinite(schema.encode({"dose": value})).all()
    assert schema.encode({"dose": value})[-1] == 1


def test_a_small_spread_around_one_value_is_not_blown_up():
    rows = [{"pixel_size_um": 0.3225}, {"pixel_size_um": 0.3230}]
    schema = MetadataSchema.fit(rows, ["pixel_size_um"])
    assert abs(schema.encode(rows[0])[0]) < 0.01


def test_a_category_never_seen_counts_as_unknown_with_a_notice(schema):
    assert part(schema, {"modality": "DIC"}, "modality") == [0, 0, 0]
    assert "modality 'DIC' was never seen in training; treated as unknown" in schema.notices(
        {"modality": "DIC"}
    )


def test_a_truth_value_never_seen_counts_as_unknown():
    schema = MetadataSchema.fit([{"in_focus": True}], ["in_focus"])
    assert schema.encode({"in_focus": False}).tolist() == [0, 0]
    assert schema.notices({"in_focus": False})


@pytest.mark.parametrize(
    ("outside", "code", "said"),
    [
        ("clamp", 1.0, "magnification 63x is outside the trained range (5 to 40); 40x is used"),
        (
            "extrapolate",
            1.4369,
            "magnification 63x is outside the trained range (5 to 40); the network extrapolates",
        ),
    ],
)
def test_beyond_the_trained_range_by_explicit_choice(outside, code, said):
    schema = MetadataSchema.fit(TRAINING, ["magnification"], outside=outside)
    assert schema.encode({"magnification": 63.0})[0] == pytest.approx(code, abs=1e-4)
    assert schema.notices({"magnification": 63.0}) == (said,)


def test_clamping_around_a_single_value_uses_that_value():
    schema = MetadataSchema.fit([{"magnification": 20.0}], ["magnification"])
    assert schema.encode({"magnification": 40.0}).tolist() == [0, 1]


def test_what_else_is_said(schema):
    fitted = MetadataSchema.fit(TRAINING, ["magnification"])
    assert fitted.notices({"magnification": 20.1}) == ()
    assert fitted.notices({"magnification": 15.0}) == (
        "magnification 15x lies between trained values (5, 10, 20, 40)",
    )
    assert fitted.notices({}) == ("magnification is unknown; the prediction does without it",)


def test_a_continuous_training_range_gives_no_notice_inside_it():
    rows = [{"magnification": 5.0 * 1.1**i} for i in range(20)]
    fitted = MetadataSchema.fit(rows, ["magnification"])
    assert fitted.notices({"magnification": 15.2}) == ()
    assert fitted.notices({"magnification": 63.0})


@pytest.mark.parametrize("encoding", [e for e in ENCODINGS if e != "one-hot"])
def test_a_range_widened_by_zooming_reaches_further_and_says_so(encoding):
    fitted = MetadataSchema.fit(TRAINING, ["magnification"], encoding=encoding)
    wide = fitted.covering("magnification", 2.5, 80.0)
    at = [wide.encode({"magnification": m}).tolist() for m in (40.0, 80.0, 160.0)]
    assert at[0] != at[1]
    assert at[1] == at[2]
    assert wide.size == fitted.size
    assert wide.notices({"magnification": 80.0}) == (
        "magnification 80x was trained by zooming only, from 5, 10, 20, 40",
    )


def test_one_hot_keeps_the_trained_levels_when_zooming_widens_the_range():
    fitted = MetadataSchema.fit(
        TRAINING, ["magnification"], encoding="one-hot", outside="extrapolate"
    )
    for schema in (fitted, fitted.covering("magnification", 2.5, 80.0)):
        assert schema.size == 5
        codes = [schema.encode({"magnification": m}).tolist() for m in (5, 7, 14, 15, 63, 500)]
        assert [code.index(1) for code in codes] == [0, 0, 1, 2, 3, 3]
        assert schema.encode({}).tolist() == [0] * 5
        assert schema.notices({"magnification": 20.1}) == ()
        assert schema.notices({"magnification": 14.0}) == (
            "magnification 14x is none of the trained values (5, 10, 20, 40); treated as 10x",
        )
        assert schema.notices({"magnification": 63.0})[0].endswith("treated as 40x")


def test_one_hot_over_many_values_is_silent_within_their_range():
    rows = [{"dose": float(i)} for i in range(40)]
    fitted = MetadataSchema.fit(rows, ["dose"], encoding="one-hot")
    assert fitted.size == 17
    assert fitted.notices({"dose": 7.4}) == ()
    assert fitted.notices({"dose": 50.0})[0].endswith("treated as 39")


def test_normalised_is_even_in_the_number_and_log2_in_its_octave():
    rows = [{"dose": 1.0, "magnification": 10.0}, {"dose": 16.0, "magnification": 40.0}]
    even = MetadataSchema.fit(rows, ["dose", "magnification"], encoding="normalised")
    assert even.encode({"dose": 4.0, "magnification": 25.0}).tolist() == pytest.approx(
        [-0.6, 1, 0, 1]
    )
    octaves = MetadataSchema.fit(rows, ["dose", "magnification"], encoding="log2")
    assert octaves.encode({"dose": 4.0, "magnification": 20.0}).tolist() == pytest.approx(
        [0, 1, 0, 1]
    )


def test_log2_leaves_what_has_a_sign_or_a_zero_as_it_is():
    rows = [{"plane_offset_um": 1.0, "dose": 0.0}, {"plane_offset_um": 3.0, "dose": 4.0}]
    schema = MetadataSchema.fit(rows, ["plane_offset_um", "dose"], encoding="log2")
    assert schema.encode({"plane_offset_um": -1.0, "dose": 2.0}).tolist() == [-1, 1, 0, 1]


def test_a_linear_range_widened_unevenly_is_still_minus_one_to_one():
    rows = [{"magnification": 10.0}, {"magnification": 40.0}]
    fitted = MetadataSchema.fit(rows, ["magnification"], "normalised")
    wide = fitted.covering("magnification", 5.0, 80.0)
    ends = [float(wide.encode({"magnification": m})[0]) for m in (5.0, 80.0)]
    assert ends == pytest.approx([-1, 1])


def test_a_range_covered_by_augmentation_reaches_one_way_and_says_so():
    rows = [{"exposure_ms": 10.0}, {"exposure_ms": 100.0}]
    fitted = MetadataSchema.fit(rows, ["exposure_ms"])
    wide = fitted.covering("exposure_ms", 1.0, 50.0)
    assert [float(wide.encode({"exposure_ms": e})[0]) for e in (1.0, 10.0, 100.0)] == pytest.approx(
        [-1, 0, 1]
    )
    assert wide.notices({"exposure_ms": 3.0}) == (
        "exposure_ms 3 ms was trained by augmentation only, from 10, 100",
    )
    assert fitted.covering("exposure_ms", 20.0, 50.0) == fitted


PACKAGED = """{"fields": [
  {"name": "magnification", "kind": "float", "transform": "log2", "encoding": "value",
   "outside": "clamp", "centre": 3.8219280948873626, "scale": 1.9854268271702415, "categories": [],
   "trained_min": 3.571428571428572, "trained_max": 56.0,
   "trained_values": [5.0, 10.0, 20.0, 40.0]},
  {"name": "modality", "kind": "text", "transform": "linear", "encoding": "value",
   "outside": "clamp", "centre": 0.0, "scale": 1.0, "categories": ["DIC", "brightfield"],
   "trained_min": null, "trained_max": null, "trained_values": ["DIC", "brightfield"]},
  {"name": "dose", "kind": "float", "transform": "linear", "encoding": "thermometer",
   "outside": "extrapolate", "centre": 2.0, "scale": 2.0, "categories": [],
   "trained_min": 0.0, "trained_max": 4.0, "trained_values": [0.0, 1.0, 4.0]}]}"""


def test_a_schema_from_an_earlier_package_gives_the_same_numbers():
    schema = MetadataSchema.model_validate_json(PACKAGED)
    numbers = schema.encode({"magnification": 20.0, "modality": "brightfield", "dose": 2.5})
    middle = (np.log2(20) - 3.8219280948873626) / 1.9854268271702415
    assert numbers.tolist() == pytest.approx([middle, 1, 0, 1, 1, 1, 0.5, 1], abs=1e-6)


def test_dropping_a_field_equals_not_knowing_it(schema):
    condition = TRAINING[0]
    dropped = np.array([name == "magnification" for name in EVERY])
    without = {name: value for name, value in condition.items() if name != "magnification"}
    vector = schema.encode(condition)
    assert np.array_equal(schema.drop(vector, dropped), schema.encode(without))
    assert np.array_equal(vector, schema.encode(condition))


def test_dropping_per_sample_in_a_batch(schema):
    batch = np.stack([schema.encode(condition) for condition in TRAINING])
    dropped = np.zeros((len(TRAINING), len(EVERY)), bool)
    dropped[1] = True
    result = schema.drop(batch, dropped)
    assert not result[1].any()
    assert np.array_equal(np.delete(result, 1, 0), np.delete(batch, 1, 0))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json_round_trip_encodes_alike(encoding):
    schema = MetadataSchema.fit(
        [*TRAINING, {"dose": 0.0}, {"dose": 1.0}], (*EVERY, "dose"), encoding=encoding
    )
    again = MetadataSchema.model_validate_json(schema.model_dump_json())
    assert again == schema
    for condition in TRAINING:
        assert np.array_equal(again.encode(condition), schema.encode(condition))
        assert again.notices(condition) == schema.notices(condition)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.0, 2], "float"),
        ([True, False], "bool"),
        (["a", "b"], "text"),
        ([293.0, "HeLa"], "text"),
        ([True, 1.0], "text"),
    ],
)
def test_a_free_fields_kind_follows_its_values(values, kind):
    schema = MetadataSchema.fit([{"free": value} for value in values], ["free"])
    assert schema.fields[0].kind == kind
    codes = [schema.encode({"free": value}).tolist() for value in values]
    assert codes[0] != codes[1]
    assert all(code[-1] == 1 for code in codes)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"magnification": "high"}, "finite number"),
        ({"magnification": float("nan")}, "finite number"),
        ({"magnification": 0.0}, "above 0"),
        ({"in_focus": 1.0}, "true or false"),
    ],
)
def test_a_value_that_does_not_fit_its_field_is_refused(schema, condition, words):
    with pytest.raises(InputError, match=words):
        schema.encode(condition)


def test_a_field_that_no_training_image_states_is_refused():
    with pytest.raises(InputError, match="No training image states immersion"):
        MetadataSchema.fit(TRAINING, ["immersion"])


def test_no_fields_is_an_empty_vector():
    assert MetadataSchema.fit(TRAINING, []).encode(TRAINING[0]).shape == (0,)
