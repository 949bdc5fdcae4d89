import time

import pytest

from napari_metaseg.acquisition.cohort import CohortRow
from napari_metaseg.events import Progress
from napari_metaseg.prediction.jobs.clock import JobClock
from napari_metaseg.prediction.jobs.plan import ImageTask


@pytest.fixture
def now(monkeypatch):
    """A clock that stands still until it is set."""
    seconds = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: seconds[0])
    return seconds


def task(tmp_path, name, planes, side):
    row = CohortRow(tmp_path / name)
    return ImageTask(row, name, (0,), ((0, 0),) * planes, ({},) * planes, (side, side))


def test_time_is_told_by_pixels_and_progress_by_planes(tmp_path, now):
    small, large = task(tmp_path, "small", 2, 10), task(tmp_path, "large", 1, 20)
    clock = JobClock([small, large])

    def one_image():
        yield Progress(1, 2, "half")
        now[0] += 3

    events = clock.over(small, one_image())
    now[0] += 1
    assert next(events) == Progress(1, 3, "half", 5.0)
    assert list(events) == []
    assert clock.finish(large) == Progress(3, 3, "large", 0.0)


def test_an_image_for_which_a_model_was_loaded_tells_nothing_of_the_time(tmp_path, now):
    first, second, third = (task(tmp_path, name, 1, 10) for name in "abc")
    clock = JobClock([first, second, third])
    now[0] += 50
    assert clock.begin(first) == Progress(1, 3, "a")
    now[0] += 2
    assert clock.finish(second) == Progress(2, 3, "b", 2.0)
