"""A model that starts from another takes over what its metadata mean."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken
from napari_metaseg.packages.manifest import Canonical
from napari_metaseg.packages.package import load_package
from napari_metaseg.training.inherit import inherited_free_fields, inherited_schema
from napari_metaseg.training.job import train
from napari_metaseg.training.plan import make_plan
from napari_metaseg.training.request import TrainingRequest

OLD = [{"magnification": m, "task": t} for m, t in ((10.0, "cell"), (20.0, "spot"), (40.0, "cell"))]
SCALE, TASK = "magnification", "task"


def merged(names, new, encoding="value", old=OLD):
    """The parent's schema, and the same after a start from it on new conditions."""
    parent = MetadataSchema.fit(old, names, encoding)
    fresh = MetadataSchema.fit(new, names, encoding)
    return parent, inherited_schema(parent, fresh, new)


@pytest.mark.parametrize("encoding", ["value", "normalised", "log2", "fourier", "cos-sin", "eigen"])
def test_what_was_trained_encodes_to_the_same_numbers(encoding):
    new = [{SCALE: 20.0}, {SCALE: 63.0}, {SCALE: 5.0}]
    parent, child = merged([SCALE], new, encoding)
    for value in (10.0, 14.0, 20.0, 40.0):
        assert np.array_equal(parent.encode({SCALE: value}), child.encode({SCALE: value}))
    refitted = MetadataSchema.fit(new, [SCALE], encoding)
    assert not np.array_equal(parent.encode({SCALE: 20.0}), refitted.encode({SCALE: 20.0}))
    field = child.fields[0]
    assert (field.trained_min, field.trained_max) == (5, 63)
    assert field.trained_values == (5, 10, 20, 40, 63)
    assert len({tuple(child.encode({SCALE: v})) for v in (5.0, 10.0, 40.0, 63.0)}) == 4


def test_beyond_the_old_range_the_scale_goes_on():
    """log2 from -1 at 10x to 1 at 40x: 80x is 2, by hand."""
    _, child = merged([SCALE], [{SCALE: 80.0}])
    np.testing.assert_allclose(child.encode({SCALE: 80.0}), [2.0, 1.0])


def test_categories_keep_their_columns_in_whatever_order_they_come():
    parent, child = merged([TASK], [{TASK: "spot"}])
    assert child == parent
    assert list(child.encode({TASK: "spot"})) == [0, 1, 1]
    with pytest.raises(InputError, match="does not know task nuclei, thing"):
        merged([TASK], [{TASK: "nuclei"}, {TASK: "cell"}, {TASK: "thing"}])


@pytest.mark.parametrize("encoding", ["one-hot", "thermometer"])
def test_levels_stay_and_a_number_without_one_is_refused(encoding):
    parent, child = merged([SCALE], [{SCALE: 40.0}, {SCALE: 20.1}], encoding)
    assert child == parent
    with pytest.raises(InputError, match="does not know magnification 63"):
        merged([SCALE], [{SCALE: 63.0}], encoding)


def test_words_are_no_numbers():
    old, new = [{"dose": 1.0}, {"dose": 2.0}], [{"dose": "high"}]
    with pytest.raises(InputError, match="knows dose as numbers: got high"):
        merged(["dose"], new, old=old)


def test_a_truth_value_that_was_never_true_becomes_trained():
    old = [{"in_focus": True}]
    parent, child = merged(["in_focus"], [{"in_focus": False}], old=old)
    assert list(parent.encode({"in_focus": False})) == [0, 0]
    assert list(child.encode({"in_focus": False})) == [-1, 1]


@pytest.fixture
def from_small(small_request, small_package):
    def request(**changes):
        settings = small_request.model_dump() | {"init_from": str(small_package)} | changes
        return TrainingRequest(**settings)

    return request


def restated(items, magnification):
    condition = {SCALE: magnification, "modality": "DIC"}
    return [replace(i, condition=condition) for i in items]


def test_the_new_model_has_the_parents_metadata(from_small, small_package, small_items, tmp_path):
    """Corrected images of one lens alone, as after corrections, with no field named."""
    items = restated(small_items, 20.0)
    request = from_small(fields=(), steps=1, learning_rate=1e-12, weight_decay=0)
    for _ in train(request, items, tmp_path / "m", CancelToken()):
        pass
    parent, child = load_package(small_package), load_package(tmp_path / "m")
    assert child.manifest.metadata_schema == parent.manifest.metadata_schema
    assert child.manifest.network == parent.manifest.network


def test_another_encoding_or_other_fields_are_refused_with_the_way_out(from_small, small_items):
    with pytest.raises(InputError, match="Choose --encoding value"):
        make_plan(from_small(encoding="log2"), small_items)
    with pytest.raises(InputError, match="Choose --outside clamp"):
        make_plan(from_small(outside="extrapolate"), small_items)
    with pytest.raises(InputError, match=r"sees other fields.*modality instead of magnification"):
        make_plan(from_small(fields=("modality",)), small_items)


def test_a_field_that_no_new_image_states_is_said(from_small, small_items):
    bare = [replace(i, condition={}) for i in small_items]
    plan = make_plan(from_small(), bare)
    assert plan.schema.names == ("magnification",)
    assert any("No training image states magnification" in n for n in plan.notices)


def test_the_canonical_scale_is_the_parents(small_request, small_items, tmp_path):
    settings = small_request.model_dump() | {"strategy": "canonical", "steps": 1}
    for _ in train(TrainingRequest(**settings), small_items, tmp_path / "m", CancelToken()):
        pass
    before = load_package(tmp_path / "m").manifest.canonical
    again = TrainingRequest(**settings | {"init_from": str(tmp_path / "m")})
    plan = make_plan(again, restated(small_items, 63.0))
    assert plan.canonical == before != Canonical(field="magnification", value=63.0)


def test_free_fields_of_the_parent_are_columns_to_read(from_small, monkeypatch):
    schema = MetadataSchema.fit(OLD, [SCALE, TASK])
    parent = SimpleNamespace(manifest=SimpleNamespace(metadata_schema=schema))
    monkeypatch.setattr("napari_metaseg.training.inherit.load_package", lambda _: parent)
    assert inherited_free_fields(from_small()) == (TASK,)
    assert inherited_free_fields(TrainingRequest()) == ()
