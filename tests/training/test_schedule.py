import pytest

from napari_metaseg.training.schedule import learning_rate, run_progress


def test_the_rate_rises_to_its_peak_and_falls_to_a_hundredth():
    rates = [learning_rate(1.0, p / 1000) for p in range(1001)]
    assert rates[50] == pytest.approx(1.0)
    assert rates[:51] == sorted(rates[:51])
    assert rates[50:] == sorted(rates[50:], reverse=True)
    assert rates[-1] == pytest.approx(0.01)


def test_a_run_is_bounded_by_steps_or_by_the_clock():
    assert run_progress(50, 1e9, step_limit=100, minutes=None) == 0.5
    assert run_progress(10**9, 90, step_limit=None, minutes=3) == 0.5
    assert run_progress(200, 0, step_limit=100, minutes=None) == 1
