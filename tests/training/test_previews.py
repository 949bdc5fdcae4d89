"""Previews come early, and take no more than a tenth of the time."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metaseg.datasets.plane_item import PlaneItem
from napari_metaseg.training import previews as module
from napari_metaseg.training.previews import Previews


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class SlowPredictor:
    """One that takes so many seconds a plane."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds

    def probability(self, image, condition):
        self.clock.now += self.seconds
        return np.zeros(image.shape, np.float32)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def shown_at(clock, seconds_each, *, steps, step_s):
    """The steps after which a preview was made."""
    previews = Previews(PlaneItem("p", np.zeros((1, 4, 4), np.float32), {}, None))
    found = []
    for step in range(1, steps + 1):
        clock.now += step_s
        if previews.due(step):
            previews.make(SlowPredictor(clock, seconds_each), step)
            found.append(step)
    return found


def test_the_first_comes_after_a_few_steps(clock):
    assert shown_at(clock, 0.05, steps=200, step_s=0.1)[0] <= 10


@pytest.mark.parametrize("seconds_each", [0.01, 0.2, 3.0])
def test_they_take_a_tenth_of_the_time_at_most(clock, seconds_each):
    shown = shown_at(clock, seconds_each, steps=2000, step_s=0.1)
    assert len(shown) > 1
    assert (len(shown) - 1) * seconds_each <= 0.11 * clock.now


def test_quick_ones_do_not_flicker(clock):
    shown = shown_at(clock, 0.001, steps=300, step_s=0.1)
    assert np.diff(shown).min() >= 5


def test_without_a_plane_there_are_none():
    assert not Previews(None).due(10_000)
