from __future__ import annotations

import numpy as np
import pytest
from tests.prediction.test_predictor import CONDITIONS, package

from napari_metaseg.errors import Cancelled, InputError
from napari_metaseg.events import CancelToken
from napari_metaseg.prediction.objects.refine import Refinement
from napari_metaseg.prediction.predictor import PlanePrediction, Predictor
from napari_metaseg.prediction.view import ArrayPlane
from napari_metaseg.prediction.what_if import (
    BOTH,
    NEITHER,
    OTHER_CLASS,
    TRIED_ALONE,
    TRUE_ALONE,
    Answer,
    Place,
    WhatIf,
    compare,
    quick_predictor,
)

REGION = (slice(16, 64), slice(32, 96))
TRUTH, TRIED = CONDITIONS[0], {**CONDITIONS[0], "magnification": 25.0}


@pytest.fixture
def place(noise):
    return Place(ArrayPlane(noise[:, :128, :128]), REGION, TRUTH, pixel_size_um=0.5)


@pytest.fixture
def predictor():
    return Predictor(package("me"), device="cpu", precision="fp32", engine="torch")


class Counted(WhatIf):
    """Counts what it predicts and measures."""

    def __init__(self, predictor):
        super().__init__(predictor)
        self.predicted, self.measured = [], 0
        plain = predictor.levels

        def levels(raw, condition):
            self.measured += 1
            return plain(raw, condition)

        predictor.levels = levels

    def _predict(self, place, condition, refinement, token):
        self.predicted.append(condition["magnification"])
        return super()._predict(place, condition, refinement, token)


def test_it_is_the_prediction_of_the_whole_plane_cut_to_the_region(predictor, place):
    answer = WhatIf(predictor).answer(place, TRIED, Refinement(0.4))
    for found, condition in ((answer.tried, TRIED), (answer.true, TRUTH)):
        whole = predictor.probability(place.raw.pixels, condition)[0]
        np.testing.assert_allclose(found.probability[0], whole[REGION], atol=1e-5)
        np.testing.assert_array_equal(found.classes, found.probability[0] >= 0.4)
    assert answer.seconds > 0


def test_what_does_not_depend_on_what_is_tried_is_done_once(predictor, place):
    what_if = Counted(predictor)
    for magnification in (25.0, 15.0, 30.0):
        what_if.answer(place, {**TRUTH, "magnification": magnification}, Refinement())
    assert what_if.predicted == [10.0, 25.0, 15.0, 30.0]
    assert what_if.measured == 1
    moved = Place(place.raw, (slice(0, 48), slice(0, 48)), TRUTH)
    what_if.answer(moved, TRIED, Refinement())
    assert what_if.predicted[4:] == [10.0, 25.0]
    assert what_if.measured == 1, "the plane stayed the same"


def test_the_truth_itself_is_not_predicted_twice(predictor, place):
    what_if = Counted(predictor)
    answer = what_if.answer(place, dict(TRUTH), Refinement())
    assert answer.tried is answer.true
    assert (answer.differing_px, what_if.predicted) == (0, [10.0])


def test_both_sides_are_cut_in_the_same_way_however_it_changes(predictor, place):
    what_if = WhatIf(predictor)
    for other in (Refinement(), Refinement(0.3), Refinement(0.3, 1.0, smallest_um2=4.0)):
        again = what_if.answer(place, TRIED, other)
        fresh = WhatIf(predictor).answer(place, TRIED, other)
        np.testing.assert_array_equal(again.true.labels, fresh.true.labels)
        np.testing.assert_array_equal(again.difference, fresh.difference)


def prediction(classes):
    return PlanePrediction(classes[None].astype(np.float32), classes, classes.astype(np.int32), ())


def test_each_pixel_is_found_by_both_by_one_or_as_something_else():
    tried, true = (np.array([row], np.uint8) for row in ([0, 1, 2, 0, 1], [0, 1, 0, 1, 2]))
    difference = compare(tried, true)
    assert difference.tolist() == [[NEITHER, BOTH, TRIED_ALONE, TRUE_ALONE, OTHER_CLASS]]
    answer = Answer(prediction(tried), prediction(true), difference, 0.0)
    assert (answer.differing_px, answer.differing_share) == (3, 0.6)


def test_it_stops_on_the_token_and_explains_what_cannot_be_predicted(predictor, place):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        WhatIf(predictor).answer(place, TRIED, Refinement(), token)
    coloured = Place(ArrayPlane(np.zeros((3, 64, 64), np.uint8)), REGION, TRUTH)
    with pytest.raises(InputError, match="channel"):
        WhatIf(predictor).answer(coloured, TRIED, Refinement())


def test_the_quick_predictor_rounds_at_most(place):
    exact = Predictor(package("me"), device="cpu", precision="fp32").probability(
        place.raw.pixels, TRIED
    )
    quick = quick_predictor(package("me"), device="cpu").probability(place.raw.pixels, TRIED)
    assert np.abs(quick - exact).max() < 0.05
