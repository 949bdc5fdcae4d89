from __future__ import annotations

import json

import pytest

from napari_metaseg.plugin.record_json import record_from_json, record_to_json


def test_a_record_comes_back_whole_through_json_text(record):
    stated = record.declare({"modality": "DIC", "in_focus": True, "exposure_ms": 4.0})
    text = json.dumps(record_to_json(stated), allow_nan=False)
    assert record_from_json(json.loads(text)) == stated


@pytest.mark.parametrize("rubbish", [None, [], "a record", {"fields": 3}, {"planes": [{}]}])
def test_what_is_no_record_is_taken_as_unknown(rubbish):
    assert record_from_json(rubbish).fields == {}
