"""A plane from arrays or from a source; what is changed of it, and what is read when."""

import pickle
from dataclasses import dataclass, replace

import numpy as np
import pytest

from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.datasets.labels import convert_labels
from napari_metaseg.datasets.pixels import Resized
from napari_metaseg.datasets.plane_survey import survey_plane

IMAGE = np.arange(48, dtype=np.uint16).reshape(1, 6, 8)
TARGET = convert_labels((IMAGE[0] > 20).astype(np.int32), "instances")
OTHER = convert_labels((IMAGE[0] > 40).astype(np.int32), "instances")


@dataclass(frozen=True)
class Counting:
    """Notes what is read of it."""

    reads: list

    def image(self):
        self.reads.append("image")
        return IMAGE

    def target(self):
        self.reads.append("target")
        return TARGET


@pytest.fixture
def reads():
    return []


@pytest.fixture
def item(reads):
    source = Counting(reads)
    return PlaneItem("a", source=source, condition={"magnification": 20.0}, group="g")


def test_a_plane_of_arrays_gives_them_back():
    item = PlaneItem("a", IMAGE, {"magnification": 20.0}, TARGET, "g", "val", "classes", {"n": 1.0})
    assert np.array_equal(item.image, IMAGE)
    assert item.image.dtype == np.float32
    assert item.read().image.dtype == np.uint16
    assert item.target is TARGET
    assert (item.group, item.split, item.label_kind, item.facts) == (
        "g",
        "val",
        "classes",
        {"n": 1},
    )
    assert PlaneItem("a", IMAGE, {}, None).target is None


def test_a_plane_needs_pixels():
    with pytest.raises(TypeError, match="an image or a source"):
        PlaneItem("a", condition={})


def test_nothing_is_read_before_it_is_asked_for(item, reads):
    changed = replace(item, condition={}, split="val", name="b")
    assert (changed.group, changed.group_key) == ("g", "g")
    assert reads == []
    assert changed.image.shape == (1, 6, 8)
    assert reads == ["image"]


def test_a_part_may_be_changed_without_reading_the_other(item, reads):
    relabelled, bare = replace(item, target=OTHER), replace(item, target=None)
    other = replace(item, image=2 * IMAGE)
    assert reads == []
    assert relabelled.target is OTHER
    assert np.array_equal(relabelled.image, IMAGE)
    assert bare.target is None
    assert np.array_equal(other.image, 2 * IMAGE)
    assert other.target is TARGET
    assert np.array_equal(replace(relabelled, image=2 * IMAGE).image, 2 * IMAGE)
    assert replace(other, target=OTHER).target is OTHER


def test_a_survey_goes_with_the_pixels_it_was_made_of(item):
    surveyed = item.with_survey(item.surveyed())
    assert replace(surveyed, condition={}).survey is surveyed.survey
    assert replace(surveyed, target=OTHER).survey is None
    assert replace(surveyed, image=2 * IMAGE).survey is None
    assert surveyed.with_pixels(IMAGE, OTHER).survey is None


def test_a_loaded_plane_is_read_once(item, reads):
    loaded = item.loaded()
    assert sorted(reads) == ["image", "target"]
    for _ in range(3):
        assert loaded.image.shape == (1, 6, 8)
        assert loaded.target is TARGET
    assert len(reads) == 2
    assert loaded.loaded() is loaded
    assert (loaded.name, loaded.condition, loaded.group) == (item.name, item.condition, "g")


def test_a_resized_plane_is_resized_when_it_is_read(item, reads):
    small = replace(item, source=Resized(item.source, 0.5), survey=None)
    assert reads == []
    assert small.image.shape == (1, 3, 4)
    assert small.target.classes.shape == small.target.valid.shape == (3, 4)
    assert small.target.instances.shape == (3, 4)


def test_a_plane_can_be_sent_to_another_process():
    item = PlaneItem("a", IMAGE, {"magnification": 20.0}, TARGET)
    item = item.with_survey(survey_plane(item.read(), noise=True))
    sent = pickle.loads(pickle.dumps(item))  # noqa: S301 - its own
    assert np.array_equal(sent.image, item.image)
    assert sent.survey.class_counts == item.survey.class_counts
