"""The settings of a run as they were at work, whatever its request also says."""

import pytest

from napari_metaseg.studies.effective import effective
from napari_metaseg.training.request import TrainingRequest


def settings(**changes):
    return TrainingRequest(**{"fields": ("magnification",), **changes}).model_dump(mode="json")


@pytest.mark.parametrize(
    ("changes", "zoom", "beyond", "fields"),
    [
        ({}, 3.0, 1.0, ["magnification"]),
        ({"fields": ("modality",)}, 1.0, None, ["modality"]),
        ({"fields": ()}, 3.0, 1.0, []),
        ({"method": "none"}, 1.0, None, ()),
        ({"method": "se"}, 1.0, None, ()),
        ({"strategy": "general"}, 1.0, None, ()),
        ({"strategy": "specialists"}, 1.0, None, ()),
        ({"strategy": "scale-augmented"}, 3.0, 1.0, ()),
        ({"strategy": "canonical"}, 1.0, None, ()),
        ({"strategy": "canonical-conditioned"}, 3.0, None, ["magnification"]),
        ({"strategy": "canonical-conditioned", "method": "se"}, 1.0, None, ()),
    ],
)
def test_zoom_and_fields_are_those_at_work(changes, zoom, beyond, fields):
    found = effective(settings(**changes))
    assert (found["max_zoom"], found["zoom_beyond"], found["fields"]) == (zoom, beyond, fields)
    assert found["steps"] == settings(**changes)["steps"]


def test_run_files_of_older_versions_and_of_no_training_are_read_as_they_are():
    assert effective({}) == {}
    old = {"strategy": "conditioned", "method": "film", "fields": ["magnification"], "max_zoom": 2}
    assert effective(old) == old
    assert effective({"strategy": "of-old", "max_zoom": 2}) == {"strategy": "of-old", "max_zoom": 2}


@pytest.mark.parametrize("strategy", ["conditioned", "general", "scale-augmented", "canonical"])
def test_the_zoom_is_that_of_the_plan(strategy, small_items):
    from napari_metaseg.training.plan import make_plan

    request = TrainingRequest(strategy=strategy, fields=("magnification",))
    found = effective(request.model_dump(mode="json"))
    assert make_plan(request, small_items).augmentation.max_zoom == found["max_zoom"]
