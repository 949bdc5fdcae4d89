"""Re-imaging: scale, labels, blur and shares are as promised; the real rows keep their groups."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from napari_metaseg.acquisition.cohort import CohortRow
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.datasets.labels import convert_labels
from napari_metaseg.errors import InputError
from napari_metaseg.studies import reimaged
from napari_metaseg.studies.study import StudyRequest
from napari_metaseg.training.plan import make_plan
from napari_metaseg.training.request import TrainingRequest


def plane(name: str = "p", pixel_um: float = 0.1625, side: int = 160) -> PlaneItem:
    """One bright disc of 26 µm (at 0.1625 µm per pixel) in the middle of the left half."""
    y, x = np.mgrid[:side, : 2 * side]
    disc = np.hypot(y - side / 2, x - side / 2) < side / 2 * 0.8
    image = (20 + 200 * disc).astype(np.float32)
    target = convert_labels(disc.astype(np.int32) * 3, "instances")
    return PlaneItem(name, image[None], {"pixel_size_um": pixel_um, "magnification": 63.0}, target)


@pytest.mark.parametrize(("magnification", "factor"), [(40, 1), (20, 2), (10, 4), (5, 8)])
def test_a_lower_magnification_is_stated_and_has_as_many_pixels_fewer(magnification, factor):
    seen = reimaged.reimage(plane(), magnification, "test")
    assert seen.image.shape == (1, 160 // factor, 320 // factor)
    assert seen.condition == {"magnification": magnification, "pixel_size_um": 6.5 / magnification}
    assert seen.target is not None
    share = (seen.target.classes > 0).mean()
    assert share == pytest.approx(np.pi * 0.4**2 / 2, rel=0.05)
    inside, outside = seen.target.classes > 0, seen.target.classes == 0
    assert seen.image[0][inside].mean() > 2 * seen.image[0][outside].mean()


def test_the_same_plane_gives_the_same_noise_and_another_another():
    one, same = (reimaged.reimage(plane(), 20, "test").image for _ in range(2))
    other = reimaged.reimage(plane("q"), 20, "test").image
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_nothing_is_enlarged():
    assert reimaged.below(plane(pixel_um=0.24)) == (5.0, 10.0, 20.0)
    assert reimaged.below(plane(pixel_um=0.645)) == (5.0, 10.0)
    with pytest.raises(InputError, match="coarser"):
        reimaged.below(plane(pixel_um=2.0))


def test_halves_share_a_group_and_make_the_whole():
    whole = plane()
    one, other = reimaged.halves(whole)
    assert np.array_equal(np.concatenate([one.image, other.image], axis=2), whole.image)
    assert one.group_key == other.group_key == whole.group_key
    assert one.name != other.name


def test_training_has_the_shares_and_no_group_both_trains_and_validates():
    planes = [plane(f"p{i}", side=32) for i in range(50)]
    images = reimaged.training_images(planes)
    training = Counter(i.condition["magnification"] for i in images if i.split == "train")
    assert training == {5: 16, 10: 24, 20: 1, 40: 39}
    groups = [{i.group_key for i in images if i.split == s} for s in ("train", "val")]
    assert groups[0].isdisjoint(groups[1])
    assert len(images) == 100


def test_rows_without_a_pixel_size_are_not_guessed(tmp_path):
    with pytest.raises(InputError, match="pixel_size_um"):
        reimaged.known_scale([CohortRow(tmp_path / "a.png", stated={"magnification": 20.0})])


def test_without_a_cohort_the_study_says_what_it_needs(tmp_path):
    with pytest.raises(InputError, match="real images"):
        next(reimaged.design(StudyRequest(name="reimaged", out=tmp_path)))


@pytest.mark.real_data
def test_the_real_images_of_known_scale_keep_their_groups_apart(real_data, tmp_path):
    table = real_data / "cells" / "samples.csv"
    events = reimaged.design(StudyRequest(name="reimaged", out=tmp_path, cohort=table))
    try:
        while True:
            next(events)
    except StopIteration as stop:
        (trial,) = stop.value
    assert {i.group_key for i in trial.training}.isdisjoint(i.group_key for i in trial.test)
    tested = Counter(i.condition["magnification"] for i in trial.test)
    assert min(tested.values()) >= 12
    assert set(tested) == {5, 10, 20, 40}
    assert len({i.group_key for i in [*trial.training, *trial.test]}) == 29
    for arm in trial.arms:
        request = TrainingRequest.model_validate({**trial.base.model_dump(), **arm.changes})
        assert make_plan(request, trial.training).validation
