from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from napari_metaseg.datasets.labels import convert_labels
from napari_metaseg.errors import InputError
from napari_metaseg.training.plan import make_plan
from napari_metaseg.training.request import TrainingRequest


def described(items, *conditions):
    return [
        replace(items[0], name=f"i{n}", group="", split="", condition=c)
        for n, c in enumerate(conditions)
    ]


def test_fields_that_vary_are_seen_and_the_others_are_not(small_items):
    items = described(
        small_items,
        *({"magnification": m, "modality": "DIC", "exposure_ms": 5.0} for m in (10.0, 20.0, 20.0)),
        {"magnification": 10.0, "modality": "DIC"},
    )
    plan = make_plan(TrainingRequest(), items)
    assert plan.schema.names == ("magnification", "exposure_ms")
    assert plan.network.metadata_size == plan.schema.size


def test_fields_are_fitted_on_training_planes_alone(small_items):
    items = described(small_items, *({"magnification": m} for m in (10.0, 20.0, 63.0)))
    splits = ("train", "train", "val")
    plan = make_plan(
        TrainingRequest(max_zoom=1),
        [replace(i, split=s) for i, s in zip(items, splits, strict=True)],
    )
    assert plan.schema.fields[0].trained_values == (10, 20)
    assert plan.schema.fields[0].trained_max == 20


def test_the_zoom_of_the_patches_widens_the_trained_range(small_items):
    """Out and in alike: what zooming in teaches is worth the blur."""
    items = described(small_items, *({"magnification": m} for m in (10.0, 20.0, 20.0)))
    plan = make_plan(TrainingRequest(max_zoom=2, zoom_beyond=2, validation_fraction=0), items)
    assert (plan.schema.fields[0].trained_min, plan.schema.fields[0].trained_max) == (5, 40)


def test_by_default_zooming_keeps_within_the_scales_of_the_training_set(small_items):
    items = described(small_items, *({"magnification": m} for m in (10.0, 20.0, 20.0)))
    plan = make_plan(TrainingRequest(max_zoom=2, validation_fraction=0), items)
    assert plan.augmentation.zoom_beyond == 1
    assert (plan.schema.fields[0].trained_min, plan.schema.fields[0].trained_max) == (10, 20)


def test_without_varying_metadata_a_plain_network_is_trained_and_said(small_items):
    plan = make_plan(TrainingRequest(), described(small_items, {}, {}, {}))
    assert plan.network.method == "none"
    assert "No metadata varies" in plan.notices[0]


def test_which_of_several_fields_has_the_heads_is_said(small_items):
    rows = (
        {"style": a, "task": b} for a, b in (("thin", "cell"), ("wide", "cell"), ("thin", "spot"))
    )
    items = described(small_items, *rows)
    request = TrainingRequest(method="multi-head", fields=("task", "style"), validation_fraction=0)
    plan = make_plan(request, items)
    assert plan.network.head_columns == (0, 1)
    assert any("one head for each value of task, and none for style" in n for n in plan.choices)
    alone = make_plan(request.model_copy(update={"fields": ("task",)}), items)
    (told,) = [notice for notice in alone.choices if "head" in notice]
    assert "one head for each value of task:" in told
    plain = make_plan(request.model_copy(update={"method": "film"}), items)
    assert not any("head" in notice for notice in plain.choices)


def test_the_general_strategy_sees_no_metadata(small_items):
    plan = make_plan(TrainingRequest(strategy="general"), small_items)
    assert (plan.network.method, plan.network.metadata_size) == ("none", 0)


def test_classes_are_counted_over_the_training_planes(small_items):
    labels = np.zeros(small_items[0].image.shape[-2:], np.int32)
    labels[:9], labels[20:29] = 1, 2
    item = replace(small_items[0], target=convert_labels(labels, "classes"), split="train")
    plan = make_plan(TrainingRequest(), [item])
    assert plan.classes == ("class 1", "class 2")
    assert plan.network.out_channels == 3
    named = make_plan(TrainingRequest(class_names=("a", "b")), [item])
    assert named.classes == ("a", "b")
    with pytest.raises(InputError, match="more classes in the labels than names"):
        make_plan(TrainingRequest(class_names=("a",)), [item])


def test_what_cannot_be_trained_on_is_refused(small_items):
    with pytest.raises(InputError, match="nothing to train on"):
        make_plan(TrainingRequest(), [])
    with pytest.raises(InputError, match="has no labels"):
        make_plan(TrainingRequest(), [replace(small_items[0], target=None)])
    with pytest.raises(InputError, match=r"1 channel.*network for 2"):
        make_plan(TrainingRequest(channels=2), small_items)
    with pytest.raises(InputError, match="No training image states stain"):
        make_plan(TrainingRequest(fields=("stain",)), small_items)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "magic"}, "Choose one of none, film"),
        ({"sites": ("roof",)}, "Choose among all"),
        ({"sites": ()}, "at least 1"),
        ({"patch_px": 100}, "multiple of 8"),
        ({"steps": 0}, "greater than or equal to 1"),
        ({"encoding": "morse"}, "thermometer"),
        ({"stepz": 5}, "not permitted"),
        ({"strategy": "canonical", "max_thinning": 2}, "max_thinning relates to the recorded"),
        ({"strategy": "canonical-conditioned", "max_defocus_um": 2}, "max_defocus_um relates"),
        ({"strategy": "canonical", "max_thinning": 1.2}, "Leave it at 1"),
    ],
)
def test_a_request_is_checked_when_it_is_made(changes, message):
    with pytest.raises((InputError, ValidationError), match=message):
        TrainingRequest(**changes)
