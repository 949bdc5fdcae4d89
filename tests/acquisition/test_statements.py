from __future__ import annotations

from napari_metaseg.acquisition.condition import derive_condition
from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord, Field, PlaneRecord
from napari_metaseg.acquisition.statements import (
    Statements,
    apply_statements,
    overrule,
    statements_of,
)

STATED = Statements(
    {"magnification": 20.0, "cell line": "HeLa"},
    {1: {"contrast_method": "Phase"}},
    {(0, 2, 0): {"plane_offset_um": -3.0}},
)
RECORD = AcquisitionRecord(
    {"objective_nominal_magnification": Field(40.0, "file")},
    (ChannelRecord("a"), ChannelRecord("b")),
    tuple(PlaneRecord(0, z, 0, position_z_um=float(z)) for z in range(4)),
)


def test_what_is_applied_is_found_again():
    record = apply_statements(RECORD, STATED, path="a.json")
    assert statements_of(record) == STATED
    assert record.declared["magnification"] == Field(20.0, "user", "a.json", 20.0)


def test_the_file_s_own_values_stay_beside_what_was_stated():
    record = apply_statements(RECORD, STATED, path="a.json")
    assert record.fields == RECORD.fields
    assert [p.position_z_um for p in record.planes] == [0.0, 1.0, 2.0, 3.0]


def test_only_a_person_s_statements_count():
    record = RECORD.declare({"task": "nuclei"}, source="file").declare_channel(0, {"stain": "DAPI"})
    assert statements_of(record) == Statements(channels={0: {"stain": "DAPI"}})


def test_nothing_stated_is_nothing():
    assert not Statements()
    assert not Statements(channels={0: {}}, planes={(0, 0, 0): {}})
    assert apply_statements(RECORD, Statements(), path="a") == RECORD


def test_what_a_table_says_of_the_image_wins_over_a_sidecar_s_word_on_a_part_of_it():
    stated = Statements({}, {0: {"exposure_ms": 5.0}}, {(0, 1, 0): {"exposure_ms": 7.0}})
    record = apply_statements(RECORD, stated, path="a.json")
    assert derive_condition(record, z=1)["exposure_ms"].value == 7.0
    overruled = overrule(record, {"exposure_ms": 9.0}, path="cohort.csv")
    assert derive_condition(overruled, z=1)["exposure_ms"].value == 9.0
    assert derive_condition(overruled, z=0)["exposure_ms"].path == "cohort.csv"


def test_an_exposure_that_was_stated_wins_over_the_file_s_of_each_plane():
    planes = tuple(PlaneRecord(0, z, 0, exposure_time_ms=10.0 + z) for z in range(2))
    record = AcquisitionRecord(channels=(ChannelRecord("a"),), planes=planes)
    assert derive_condition(record, z=1)["exposure_ms"].value == 11.0
    whole = record.declare_channel(0, {"exposure_time_ms": 30.0})
    assert derive_condition(whole, z=1)["exposure_ms"].value == 30.0
    one = whole.declare_plane((0, 1, 0), {"exposure_time_ms": 40.0})
    assert derive_condition(one, z=1)["exposure_ms"].value == 40.0
    assert derive_condition(one, z=0)["exposure_ms"].value == 30.0
