from __future__ import annotations

import pytest

from napari_metaseg.acquisition.condition import (
    condition_values,
    depth_of_field_um,
    derive_condition,
    domain_label,
)
from napari_metaseg.acquisition.conflicts import conflicts
from napari_metaseg.acquisition.fields import CONDITION_FIELDS, check_value, parse_value
from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    ChannelRecord,
    Field,
    PlaneRecord,
)
from napari_metaseg.errors import InputError


def record(planes=(), channel=None, **fields):
    return AcquisitionRecord(
        {name: Field(value, "file") for name, value in fields.items()},
        (ChannelRecord("", {n: Field(v, "file") for n, v in (channel or {}).items()}),),
        tuple(planes),
    )


def series(*positions, c=0):
    return [PlaneRecord(c, z, 0, position_z_um=p) for z, p in enumerate(positions)]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("magnification", " 20 ", 20.0),
        ("plane_offset_um", "-2.5", -2.5),
        ("in_focus", "Yes", True),
        ("in_focus", "0", False),
        ("modality", "Phase", "phase contrast"),
        ("immersion", "oil", "Oil"),
        ("plane", "upper", "upper"),
        ("magnification", "  ", None),
        ("cell line", "HeLa", "HeLa"),
        ("passage", "7", 7.0),
        ("treated", "true", True),
    ],
)
def test_text_is_read_by_the_fields_own_type(name, text, value):
    parsed = parse_value(name, text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("magnification", "20x", "magnification must be a number: got '20x'"),
        ("pixel_size_um", "0,65", "decimals with a point"),
        ("exposure_ms", "nan", "finite"),
        ("exposure_ms", "inf", "finite"),
        ("magnification", "0", "above 0"),
        ("pixel_size_um", "-1", "above 0"),
        ("in_focus", "maybe", "true or false"),
    ],
)
def test_text_that_does_not_fit_is_refused(name, text, message):
    with pytest.raises(InputError, match=message):
        parse_value(name, text)


def test_a_value_is_checked_as_its_text_is():
    assert check_value("magnification", 20) == 20.0
    with pytest.raises(InputError, match="must be a number"):
        check_value("magnification", True)
    with pytest.raises(InputError, match="is empty"):
        check_value("modality", "")


def test_every_condition_field_is_there_known_or_not():
    assert list(derive_condition(AcquisitionRecord())) == list(CONDITION_FIELDS)
    assert condition_values(derive_condition(AcquisitionRecord())) == {}


def test_total_magnification_wins_over_the_objectives():
    both = record(objective_nominal_magnification=40.0, total_magnification=64.0)
    assert derive_condition(both)["magnification"].value == 64.0
    assert (
        derive_condition(record(objective_nominal_magnification=40.0))["magnification"].value == 40
    )


def test_what_a_person_states_wins_and_the_conflict_shows():
    stated = record(objective_nominal_magnification=40.0).declare({"magnification": 20.0})
    field = derive_condition(stated)["magnification"]
    assert (field.value, field.source) == (20.0, "user")
    assert conflicts(stated)[0].message == "stated as 20, the file says 40"


@pytest.mark.parametrize(
    ("state", "messages"),
    [
        (lambda r: r.declare({"lens_na": 0.5}), ["stated as 0.5, the file says 0.75"]),
        (lambda r: r.declare({"lens_na": 0.751}), []),
        (
            lambda r: r.declare_channel(0, {"exposure_time_ms": 99.0}),
            ["stated as 99 for channel 0, the file says 10"],
        ),
        (
            lambda r: r.declare_channel(0, {"modality": "DIC"}),
            ["stated as DIC for channel 0, the file says fluorescence"],
        ),
        (
            lambda r: r.declare_plane((0, 0, 0), {"exposure_ms": 99.0}).declare_plane(
                (0, 1, 0), {"exposure_ms": 99.0}
            ),
            ["stated as 99 for planes of channel 0, the file says 12"],
        ),
        (
            lambda r: r.declare_plane((0, 1, 0), {"position_z_um": 5.0}),
            ["stated as 5 for planes of channel 0, the file says 2"],
        ),
    ],
)
def test_every_statement_that_differs_from_the_file_shows(state, messages):
    planes = [PlaneRecord(0, z, 0, 1.0 + z, 12.0) for z in range(2)]
    channel = {"exposure_time_ms": 10.0, "contrast_method": "Fluorescence"}
    stated = state(record(planes, channel, lens_na=0.75))
    assert [conflict.message for conflict in conflicts(stated)] == messages


def test_a_statement_within_one_percent_is_no_conflict():
    close = record(pixel_size_x_um=0.2004, pixel_size_y_um=0.2004).declare({"pixel_size_um": 0.2})
    assert conflicts(close) == ()


def test_modality_is_the_files_word_or_inferred_from_the_light():
    field = derive_condition(record(channel={"contrast_method": "Phase"}))["modality"]
    assert (field.value, field.source) == ("phase contrast", "file")
    field = derive_condition(record(channel={"illumination_type": "Epifluorescence"}))["modality"]
    assert (field.value, field.source) == ("fluorescence", "inferred")


def test_each_channel_has_its_own_modality_and_exposure():
    two = AcquisitionRecord(
        channels=(
            ChannelRecord("a", {"exposure_time_ms": Field(5.0, "file")}),
            ChannelRecord("b", {"contrast_method": Field("DIC", "file")}),
        )
    )
    assert condition_values(derive_condition(two, 0)) == {"exposure_ms": 5.0}
    assert condition_values(derive_condition(two, 1)) == {"modality": "DIC"}


@pytest.mark.parametrize(
    ("index", "medium"),
    [(1.0, "Air"), (1.33, "Water"), (1.515, "Oil"), (1.47, "Glycerol"), (1.4, None)],
)
def test_immersion_is_inferred_from_the_refractive_index(index, medium):
    field = derive_condition(record(refractive_index=index))["immersion"]
    assert field.value == medium
    assert field.source == ("missing" if medium is None else "inferred")


def test_exposure_is_the_planes_then_the_channels():
    planes = [PlaneRecord(0, 0, 0, exposure_time_ms=10.0), PlaneRecord(0, 1, 0)]
    mixed = record(planes, channel={"exposure_time_ms": 40.0})
    assert [derive_condition(mixed, 0, z)["exposure_ms"].value for z in (0, 1)] == [10.0, 40.0]


def test_an_exposure_that_varies_is_unknown_for_the_image_as_a_whole():
    planes = [PlaneRecord(0, z, 0, exposure_time_ms=10.0 * (z + 1)) for z in range(2)]
    assert not derive_condition(record(planes))["exposure_ms"].known
    assert derive_condition(record(planes[:1]))["exposure_ms"].value == 10.0


def test_positions_through_zero_are_offsets_by_inference():
    focus = record(series(-10.0, 0.0, 10.0))
    fields = [derive_condition(focus, 0, z)["plane_offset_um"] for z in range(3)]
    assert [(f.value, f.source) for f in fields] == [
        (-10.0, "inferred"),
        (0.0, "inferred"),
        (10.0, "inferred"),
    ]
    assert not derive_condition(focus)["plane_offset_um"].known


@pytest.mark.parametrize("positions", [(67.0, 67.5, 68.0), (0.0, 1.0, 2.0), (-1.0, 1.0)])
def test_stage_positions_are_no_offsets(positions):
    assert not derive_condition(record(series(*positions)), 0, 0)["plane_offset_um"].known


def test_each_channel_has_its_own_focus():
    planes = series(-1.0, 0.0, 1.0) + series(5.0, 6.0, 7.0, c=1)
    assert derive_condition(record(planes), 0, 0)["plane_offset_um"].value == -1.0
    assert not derive_condition(record(planes), 1, 0)["plane_offset_um"].known


def test_a_stated_offset_is_the_files():
    planes = [PlaneRecord(0, 0, 0, position_z_um=99.0, plane_offset_um=-3.0)]
    field = derive_condition(record(planes))["plane_offset_um"]
    assert (field.value, field.source) == (-3.0, "file")


def test_in_focus_follows_from_the_offset_with_its_threshold_shown():
    sharp = record([PlaneRecord(0, 0, 0, plane_offset_um=0.5)], lens_na=0.75)
    blurred = record([PlaneRecord(0, 0, 0, plane_offset_um=0.5)], lens_na=1.4)
    fields = [derive_condition(r)["in_focus"] for r in (sharp, blurred)]
    assert [(f.value, f.source) for f in fields] == [(True, "inferred"), (False, "inferred")]
    assert fields[0].path == "|offset| at most 0.98 µm"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lens_na": 14.0}, "an NA of 14 is impossible at a refractive index of 1.8"),
        (
            {"lens_na": 1.2, "immersion": "Air"},
            "an NA of 1.2 is impossible at a refractive index of 1",
        ),
        (
            {"lens_na": 1.4, "refractive_index": 1.333},
            "an NA of 1.4 is impossible at a refractive index of 1.333",
        ),
        ({"lens_na": 1.4, "refractive_index": 1.515}, None),
        ({"lens_na": 1.0, "immersion": "Air"}, None),
        ({"lens_na": 1.49}, None),
    ],
)
def test_an_aperture_above_the_refractive_index_is_a_conflict(fields, message):
    assert [c.message for c in conflicts(record(**fields))] == ([message] if message else [])


def test_the_depth_of_field_is_wavelength_times_index_over_na_squared():
    assert depth_of_field_um(record(lens_na=0.5)) == pytest.approx(0.55 / 0.25)
    oil = record(lens_na=1.4, refractive_index=1.515)
    assert depth_of_field_um(oil) == pytest.approx(0.55 * 1.515 / 1.96)
    assert depth_of_field_um(record()) is None


@pytest.mark.parametrize(
    ("magnification", "size", "binning", "fits"),
    [
        (40.0, 0.1625, 1.0, True),
        (40.0, 2.958, 1.0, False),
        (20.0, 1.3, 4.0, True),
        (63.0, 0.01, 1.0, False),
    ],
)
def test_magnification_and_pixel_size_must_fit_a_camera(magnification, size, binning, fits):
    made = record(
        channel={"binning": binning},
        objective_nominal_magnification=magnification,
        pixel_size_x_um=size,
        pixel_size_y_um=size,
    )
    assert (conflicts(made) == ()) is fits


def test_pixels_that_are_not_square_are_a_conflict():
    assert conflicts(record(pixel_size_x_um=0.5, pixel_size_y_um=0.504)) == ()
    (found,) = conflicts(record(pixel_size_x_um=0.5, pixel_size_y_um=0.6))
    assert "not square" in found.message


def test_an_exposure_over_a_minute_is_a_conflict():
    assert conflicts(record(channel={"exposure_time_ms": 60_000.0})) == ()
    assert "150 s" in conflicts(record(channel={"exposure_time_ms": 150_000.0}))[0].message


@pytest.mark.parametrize(
    ("condition", "by", "label"),
    [
        ({"modality": "brightfield", "magnification": 20.0}, None, "brightfield · 20x"),
        ({"exposure_ms": 40.0}, None, "40 ms"),
        ({"plane_offset_um": 2.0, "magnification": 5.0}, ("plane_offset_um",), "+2 µm"),
        ({"in_focus": False, "treated": True}, ("in_focus", "treated"), "not in focus · treated"),
        ({}, None, "unknown"),
    ],
)
def test_domains_have_short_labels(condition, by, label):
    assert domain_label(condition, by) == label
