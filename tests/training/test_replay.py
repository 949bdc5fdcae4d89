"""What was learned before is shown again: how often, and where that makes no sense."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken
from napari_metaseg.training.job import train
from napari_metaseg.training.plan import make_plan
from napari_metaseg.training.replay import with_replay
from napari_metaseg.training.sampling import make_sampler


@given(st.integers(1, 9), st.integers(1, 9), st.floats(0.01, 0.99))
def test_old_planes_have_their_share_of_the_patches(new, old, share):
    weights = with_replay(np.full(new, 1 / new), np.full(old, 1 / old), share)
    assert weights.sum() == pytest.approx(1)
    assert weights[new:].sum() == pytest.approx(share)


def test_without_old_planes_nothing_changes():
    weights = np.array([0.25, 0.75])
    assert with_replay(weights, np.array([]), 0.5) is weights


@pytest.fixture
def planes(small_items):
    """The planes at 20x, to go on with, and the others, which were learned before."""
    at = [item.condition["magnification"] for item in small_items]
    new = [item for item, value in zip(small_items, at, strict=True) if value == 20]
    old = [item for item, value in zip(small_items, at, strict=True) if value != 20]
    return new, old


@pytest.mark.parametrize("sampling", ["balanced", "natural"])
def test_a_model_that_goes_on_sees_old_planes_as_often_as_asked(
    small_request, small_package, planes, sampling
):
    new, old = planes
    settings = {"init_from": str(small_package), "replay_share": 0.4, "sampling": sampling}
    plan = make_plan(small_request.model_copy(update=settings), new, old)
    drawn = Counter[str]()
    sampler = make_sampler(plan, plan.phases[0])
    for step in range(100):
        drawn.update(sampler.batch(step).names)
    names = {item.name for item in old if item.split != "val"}
    share = sum(count for name, count in drawn.items() if name in names) / drawn.total()
    assert share == pytest.approx(0.4, abs=0.08)
    assert not [item for item in plan.replay if item.split == "val"]


def test_tuning_to_a_domain_replays_the_others(small_request, small_items):
    settings = {
        "strategy": "fine-tuned",
        "method": "none",
        "tuned_domain": {"magnification": 20.0},
        "replay_share": 0.3,
    }
    plan = make_plan(small_request.model_copy(update=settings), small_items)
    general, tuning = plan.phases
    assert not general.replay
    assert {item.condition["magnification"] for item in tuning.replay} == {10.0, 40.0}
    assert (general.request.replay_share, tuning.request.replay_share) == (0, 0.3)


def test_a_model_goes_on_with_old_planes_to_the_end(small_request, small_package, planes, tmp_path):
    new, old = planes
    request = small_request.model_copy(
        update={"init_from": str(small_package), "replay_share": 0.4, "frozen": ("enc1",)}
    )
    list(train(request, new, tmp_path / "m", CancelToken(), replay=old))
    assert (tmp_path / "m" / "package.json").exists()


@pytest.mark.parametrize(
    ("settings", "replays", "told"),
    [
        ({"replay_share": 0.3}, True, "no model to start from"),
        ({"replay_share": 0.3}, False, "--replay"),
        ({"init": True}, True, "above 0"),
        ({"init": True, "replay_share": 0.3}, False, "no images learned before"),
    ],
)
def test_replay_that_makes_no_sense_is_refused(
    small_request, small_package, planes, settings, replays, told
):
    new, old = planes
    settings = dict(settings)
    if settings.pop("init", False):
        settings["init_from"] = str(small_package)
    request = small_request.model_copy(update=settings)
    with pytest.raises(InputError, match=told):
        make_plan(request, new, old if replays else ())
