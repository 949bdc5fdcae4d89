from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError

import pytest

from napari_metaseg.acquisition.record import (
    MISSING,
    AcquisitionRecord,
    ChannelRecord,
    Field,
    PlaneRecord,
)

RECORD = AcquisitionRecord(
    {"lens_na": Field(0.95, "file")},
    (ChannelRecord("DAPI", {"binning": Field(2.0, "file")}),),
    tuple(PlaneRecord(c, z, 0, position_z_um=z) for c in range(2) for z in range(3)),
)


def test_what_is_not_there_is_missing_and_not_an_error():
    assert RECORD.get("immersion") is MISSING
    assert RECORD.channel(7).get("binning") is MISSING
    assert RECORD.plane(0, 9, 0) is None
    assert not MISSING.known


def test_planes_are_found_by_place():
    assert RECORD.plane(1, 2, 0) == PlaneRecord(1, 2, 0, position_z_um=2)
    assert [p.z for p in RECORD.stack(1, 0)] == [0, 1, 2]
    assert RECORD.stack(0, 1) == ()


def test_a_record_does_not_change():
    with pytest.raises(FrozenInstanceError):
        RECORD.fields = {}  # type: ignore[misc]
    edited = RECORD.declare({"modality": "DIC"})
    assert not RECORD.declared
    assert edited.declared["modality"] == Field("DIC", "user", None, "DIC")


def test_none_takes_a_statement_back():
    edited = RECORD.declare({"modality": "DIC", "plane": "upper"}).declare({"modality": None})
    assert set(edited.declared) == {"plane"}


def test_a_record_travels_to_other_processes():
    edited = RECORD.declare({"modality": "DIC"})
    assert edited.plane(0, 0, 0)
    assert pickle.loads(pickle.dumps(edited)) == edited  # noqa: S301
