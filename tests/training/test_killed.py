"""A run that is killed at any moment goes on as if it had not been."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from napari_metaseg.packages.package import load_package
from napari_metaseg.training.checkpoint import load_checkpoint

PROGRAM = """
import sys
from pathlib import Path

import torch

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.datasets.items import load_items
from napari_metaseg.events import CancelToken, Progress
from napari_metaseg.training import loop
from napari_metaseg.training.checkpoint import load_checkpoint, read_request
from napari_metaseg.training.job import train
from napari_metaseg.training.request import TrainingRequest

loop._CHECKPOINT_EVERY_S = 0.0
torch.set_num_threads(1)
cohort, out, settings = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
run = out.with_name(out.name + ".run")
begun = load_checkpoint(run) is not None
request = read_request(run) if begun else TrainingRequest.model_validate_json(settings)
items = load_items([row for row in read_cohort(cohort) if row.split != "test"])
for event in train(request, items, out, CancelToken(), resume=run if begun else None):
    if isinstance(event, Progress):
        print(event.done, flush=True)
"""


def start(cohort: Path, out: Path, request) -> subprocess.Popen:
    settings = request.model_dump_json()
    command = [sys.executable, "-c", PROGRAM, str(cohort), str(out), settings]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def kill_within(process: subprocess.Popen, after_steps: int, then_s: float) -> bool:
    """Kill it (SIGKILL) so many steps and seconds on; whether it was still at work."""
    assert process.stdout is not None
    for _ in range(after_steps):
        if not process.stdout.readline():
            break
    time.sleep(then_s)
    at_work = process.poll() is None
    process.kill()
    process.communicate()
    return at_work


def finish(process: subprocess.Popen) -> None:
    process.communicate(timeout=240)
    assert process.returncode == 0


def assert_same_end(one: Path, other: Path) -> None:
    """The same package weights, checkpoint and curve, to the last bit."""
    mine, theirs = (load_package(out).network.state_dict() for out in (one, other))
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    here, there = (load_checkpoint(out.with_name(out.name + ".run")) for out in (one, other))
    for name in ("network", "best", "optimizer", "average"):
        a, b = getattr(here, name), getattr(there, name)
        assert a.keys() == b.keys()
        assert all(torch.equal(a[key], b[key]) for key in a), name
    assert here.position.curve == there.position.curve
    assert here.position.best_step == there.position.best_step


@pytest.fixture
def request_of_a_run(small_request):
    return small_request.model_copy(update={"steps": 30, "ema": 0.9, "schedule": "one-cycle"})


@pytest.mark.slow
def test_a_run_that_is_killed_twice_ends_with_the_same_weights(
    small_cohort, request_of_a_run, tmp_path
):
    finish(start(small_cohort, tmp_path / "whole", request_of_a_run))
    for steps in (3, 12):
        assert kill_within(start(small_cohort, tmp_path / "killed", request_of_a_run), steps, 0.0)
    finish(start(small_cohort, tmp_path / "killed", request_of_a_run))
    assert_same_end(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_weights(
    small_cohort, request_of_a_run, tmp_path
):
    """At random moments, in the middle of writing as well: every step is followed by a write."""
    chance = random.Random(7)
    request = request_of_a_run.model_copy(update={"steps": 60})
    finish(start(small_cohort, tmp_path / "whole", request))
    kills = 0
    for _ in range(20):
        process = start(small_cohort, tmp_path / "killed", request)
        if not kill_within(process, chance.randint(1, 4), chance.uniform(0, 0.05)):
            break
        kills += 1
    assert kills >= 10
    finish(start(small_cohort, tmp_path / "killed", request))
    assert_same_end(tmp_path / "whole", tmp_path / "killed")
