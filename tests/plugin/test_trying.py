from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.packages.manifest import Canonical
from napari_metaseg.plugin.trying import (
    answer_words,
    follow,
    time_words,
    trial_fields,
    tried_condition,
)
from napari_metaseg.prediction.what_if import Answer, compare

TRUTH = {"magnification": 20.0, "pixel_size_um": 0.325, "modality": "DIC"}


def manifest(fields, canonical=None):
    seen = [
        {"magnification": m, "modality": t, "in_focus": True}
        for m in (5.0, 10.0, 20.0, 40.0)
        for t in ("fluorescence", "brightfield")
    ]
    schema = MetadataSchema.fit(seen, fields)
    names = dict.fromkeys([*([canonical.field] if canonical else []), *fields])
    return SimpleNamespace(fields=schema.fields, field_names=tuple(names), canonical=canonical)


def test_there_is_a_row_for_each_field_that_the_model_looks_at():
    magnification, modality, focus = trial_fields(
        manifest(["magnification", "modality", "in_focus"]), TRUTH
    )
    assert magnification.marks == (5, 10, 20, 40)
    assert magnification.trained == (5, 40)
    assert (magnification.title, magnification.text(15.0)) == ("Magnification", "15x")
    assert magnification.standing(63.0) == "extrapolated"
    assert "outside the trained range" in magnification.sentence(63.0)
    assert modality.choices == ("brightfield", "fluorescence", "DIC"), "the true one was left out"
    assert (modality.text(None), modality.standing("DIC")) == ("unknown", "not trained")
    assert focus.choices == (True, False)
    assert focus.text(True) == "yes"


def test_a_model_of_the_image_alone_has_nothing_to_try():
    assert trial_fields(manifest([]), TRUTH) == ()


def test_a_model_that_only_resizes_can_be_told_another_scale():
    (size,) = trial_fields(manifest([], Canonical(field="pixel_size_um", value=0.65)), TRUTH)
    assert size.scale.place(0.325) > 0
    assert size.standing(0.3) == "sets the scale"
    assert size.text(0.65) == "0.65 µm"


def test_tried_values_take_the_place_of_the_true_ones():
    assert tried_condition(TRUTH, {"magnification": 15.0, "modality": None}) == {
        "magnification": 15.0,
        "pixel_size_um": 0.325,
    }


def test_pixel_size_and_magnification_move_against_each_other():
    assert follow(TRUTH, "magnification", 40.0) == ("pixel_size_um", pytest.approx(0.1625))
    assert follow(TRUTH, "pixel_size_um", 0.65) == ("magnification", pytest.approx(10))
    assert follow(TRUTH, "modality", "DIC") is None
    assert follow({"magnification": 20.0}, "magnification", 40.0) is None
    assert follow(TRUTH, "magnification", None) is None


def prediction(*rows):
    classes = np.array(rows, np.uint8)
    return SimpleNamespace(classes=classes, labels=classes.astype(np.int32))


def answer(tried, true):
    return Answer(tried, true, compare(tried.classes, true.classes), 0.0842)


def test_an_answer_says_what_differs_and_how_long_it_took():
    true = prediction([1, 1, 0, 0], [0, 0, 2, 2])
    other = prediction([1, 0, 0, 0], [0, 0, 0, 0])
    assert answer_words(answer(true, true)) == "With the true metadata: 2 objects."
    assert answer_words(answer(prediction([1, 1, 0, 0], [0, 0, 2, 2]), true)) == (
        "Nothing differs from the true metadata: 2 objects."
    )
    assert answer_words(answer(other, true)) == (
        "3 px (37.5 %) and 1 object differ from the true metadata (1 object, not 2)."
    )
    assert time_words(answer(true, true)) == "Answered in 84 ms."
