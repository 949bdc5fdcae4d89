"""Learning rates and epochs, against PyTorch's own schedulers where it has them."""

import pytest
import torch

from napari_metaseg.training.request import TrainingRequest
from napari_metaseg.training.schedule import epochs, learning_rate, run_progress

STEPS = 300


def rates_of(scheduler, optimizer):
    """The rate before each of so many steps."""
    found = []
    for _ in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.fixture
def adam():
    return torch.optim.Adam([torch.zeros(1, requires_grad=True)], 8e-4)


def test_the_rate_rises_to_its_peak_and_falls_to_a_hundredth():
    rates = [learning_rate(1.0, p / 1000) for p in range(1001)]
    assert rates[50] == pytest.approx(1.0)
    assert rates[:51] == sorted(rates[:51])
    assert rates[50:] == sorted(rates[50:], reverse=True)
    assert rates[-1] == pytest.approx(0.01)


def test_the_cyclic_rate_is_the_published_one(adam):
    """15 half-cycles a run, as its code counts them."""
    half = STEPS // 15
    cyclic = torch.optim.lr_scheduler.CyclicLR(
        adam, 2e-4, 8e-4, step_size_up=half, mode="triangular2", cycle_momentum=False
    )
    ours = [learning_rate(8e-4, step / STEPS, "cyclic") for step in range(STEPS)]
    assert ours == pytest.approx(rates_of(cyclic, adam))


def test_one_cycle_is_that_of_pytorch(adam):
    # PyTorch reaches the end with the last step, ours when the run is over.
    cycle = torch.optim.lr_scheduler.OneCycleLR(adam, 8e-4, total_steps=STEPS + 1)
    ours = [learning_rate(8e-4, step / STEPS, "one-cycle") for step in range(STEPS)]
    assert ours == pytest.approx(rates_of(cycle, adam), rel=0.02, abs=8e-6)


@pytest.mark.parametrize("schedule", ["cosine", "one-cycle", "cyclic"])
def test_no_rate_is_above_the_peak_or_at_nothing(schedule):
    rates = [learning_rate(1.0, p / 997, schedule) for p in range(1100)]
    assert max(rates) <= 1.0 + 1e-9
    assert min(rates) > 0


def test_a_run_is_bounded_by_steps_or_by_the_clock():
    assert run_progress(50, 1e9, step_limit=100, minutes=None) == 0.5
    assert run_progress(10**9, 90, step_limit=None, minutes=3) == 0.5
    assert run_progress(200, 0, step_limit=100, minutes=None) == 1


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"steps": 600}, 10),
        ({"steps": 100_000}, 200),
        ({"minutes": 2}, 10),
        ({"minutes": 600}, 120),
    ],
)
def test_an_epoch_is_a_tenth_of_the_run_or_500_steps_or_5_minutes(settings, expected):
    assert epochs(TrainingRequest(**settings)) == expected
