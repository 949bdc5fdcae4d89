"""Which figures a study has, and what an oracle's line may show."""

import numpy as np
import pytest

from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.evaluation.scores import ImageScore
from napari_metaseg.studies.arms import Arm
from napari_metaseg.studies.collect import TrialResult
from napari_metaseg.studies.figures import draw, oracle_magnifications
from napari_metaseg.studies.runs import RunRecord
from napari_metaseg.studies.study import Trial
from napari_metaseg.studies.table import ArmResult, summarise_arm
from napari_metaseg.training.request import TrainingRequest


def plane(magnification):
    return PlaneItem("p", np.zeros((1, 2, 2), np.float32), {"magnification": magnification}, None)


@pytest.fixture
def result():
    arms = (Arm("general", ""), Arm("oracle", "", cohort="there"))
    images = tuple(
        ImageScore(f"{m:g}", {"magnification": m}, group="g", iou=0.5, dice=0.5)
        for m in (10.0, 15.0)
    )
    found = tuple(
        ArmResult("t", arm, (RunRecord("s", "t", arm.name, 0, "c", "true", {}, 9, 1, 1, images),))
        for arm in arms
    )
    request = TrainingRequest(fields=("magnification",), steps=1)
    training = (plane(10.0),)
    trial = Trial(
        "t",
        "c",
        arms,
        request,
        training,
        (),
        ("magnification",),
        "general",
        {"there": [plane(15.0)]},
    )
    rows = tuple(row for one in found for row in summarise_arm(one))
    return TrialResult(trial, found, rows, (), ())


def test_the_main_figure_comes_first(result):
    assert list(draw(result)) == ["magnification", "domains"]
    assert all(png.startswith(b"\x89PNG") for png in draw(result).values())


def test_an_oracle_stands_where_it_was_trained(result):
    assert oracle_magnifications(result, "oracle") == {15.0}
    assert oracle_magnifications(result, "general") == set()
