import json
from dataclasses import replace

import pytest

from napari_metaseg.acquisition.cohort import CohortRow
from napari_metaseg.prediction.jobs.plan import ImageTask
from napari_metaseg.prediction.jobs.results import Content, PredictionEntry


@pytest.fixture
def task(tmp_path):
    return ImageTask(
        row=CohortRow(tmp_path / "a.tif", scene="B02", stated={"magnification": 20.0, "n": "x"}),
        stem="a",
        channels=(0, 2),
        planes=((0, 0), (1, 0)),
        conditions=({"magnification": 20.0, "in_focus": True}, {"modality": "DIC"}),
        shape=(40, 50),
        notices=("a word",),
    )


def test_a_task_is_plain_text_and_comes_back_the_same(task):
    assert ImageTask.from_json(task.to_json()) == task
    assert json.loads(task.to_json())["stem"] == "a"


def test_an_entry_is_plain_text_and_comes_back_the_same(task):
    entry = PredictionEntry(
        "a.tif", "l", "c", "p", task.conditions, ("told",), Content(3, 100, 20, 25, 8)
    )
    assert PredictionEntry.from_json(entry.to_json()) == entry


@pytest.mark.parametrize(
    ("shape", "planes", "large", "steps"),
    [((4096, 4096), 4, False, 4), ((4096, 4097), 1, True, 2), ((4096, 4096), 5, True, 5)],
)
def test_a_large_plane_or_many_planes_make_a_large_image(task, shape, planes, large, steps):
    other = replace(task, shape=shape, planes=((0, 0),) * planes)
    assert (other.is_large, other.steps) == (large, steps)
