from __future__ import annotations

import json

import pytest

from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    ChannelRecord,
    Conflict,
    Field,
    PlaneRecord,
)
from napari_metaseg.acquisition.record_json import record_from_json, record_to_json


@pytest.fixture
def record():
    return AcquisitionRecord(
        fields={"lens_na": Field(0.75, "file", "Objective@LensNA", "0.75")},
        channels=(ChannelRecord("DAPI", {"contrast_method": Field("Fluorescence", "file")}),),
        planes=(PlaneRecord(0, 1, 0, position_z_um=2.5, exposure_time_ms=40.0),),
        reported=(Conflict(("exposure_ms",), "an exposure of 150 s is unlikely"),),
    ).declare_plane((0, 0, 0), {"plane": "upper"})


def test_a_record_comes_back_whole_through_json_text(record):
    stated = record.declare({"modality": "DIC", "in_focus": True, "exposure_ms": 4.0})
    text = json.dumps(record_to_json(stated), allow_nan=False)
    assert record_from_json(json.loads(text)) == stated


@pytest.mark.parametrize("rubbish", [None, [], "a record", {"fields": 3}, {"planes": [{}]}])
def test_what_is_no_record_is_taken_as_unknown(rubbish):
    assert record_from_json(rubbish).fields == {}
