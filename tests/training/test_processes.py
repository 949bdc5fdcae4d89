"""Several processes that train one network: the same as one, and no waiting for the dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from napari_metaseg.errors import InputError
from napari_metaseg.packages.package import load_package
from napari_metaseg.training.checkpoint import load_checkpoint
from napari_metaseg.training.processes import start_processes
from napari_metaseg.training.request import TrainingRequest

SMALL = ["--width=4", "--depth=2", "--patch-px=32", "--batch-size=4", "--device=cpu"]
EXACT = ["--norm=none", "--precision=fp32", "--fields=magnification"]


def command(cohort: Path, out: Path, devices: int, *options: str) -> list[str]:
    words = ["train", str(cohort), "--out", str(out), f"--devices={devices}", *SMALL, *options]
    return [sys.executable, "-m", "napari_metaseg.cli.main", *words]


def run_to_the_end(*arguments, **more) -> subprocess.CompletedProcess[str]:
    found = subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=200, check=False, **more
    )
    assert found.returncode == 0, found.stderr
    return found


def curve_of(out: Path):
    return load_checkpoint(out.with_name(out.name + ".run")).position.curve


def weights_of(out: Path):
    return torch.cat([p.detach().flatten() for p in load_package(out).network.parameters()])


def start(cohort: Path, out: Path, *options: str) -> subprocess.Popen:
    """Two processes that train without end, once the first step is done."""
    process = subprocess.Popen(
        command(cohort, out, 2, "--steps=1000000", *options),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("step "):
            return process
    raise AssertionError(process.communicate())


def process_of_rank(rank: int, out: Path) -> int:
    """The process with this rank of the job that writes to `out` (Linux)."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"RANK={rank}".encode() in environment and str(out).encode() in words:
            return int(folder.name)
    raise AssertionError(f"no process of rank {rank}")


def test_two_processes_learn_what_one_learns(small_cohort, tmp_path):
    """The same batches, shared out: the same losses, and the first alone writes and reports."""
    options = ["--steps=12", *EXACT, "--ema=0.9"]
    run_to_the_end(small_cohort, tmp_path / "one", 1, *options)
    told = run_to_the_end(small_cohort, tmp_path / "two", 2, *options)
    assert told.stdout.count("Trained:") == 1
    one, two = curve_of(tmp_path / "one"), curve_of(tmp_path / "two")
    assert [p.loss for p in two] == pytest.approx([p.loss for p in one], rel=1e-4)
    assert [p.score for p in two] == pytest.approx([p.score for p in one], abs=2e-3)
    assert torch.allclose(weights_of(tmp_path / "one"), weights_of(tmp_path / "two"), atol=1e-4)
    assert len(list((tmp_path / "two.run" / "checkpoints").iterdir())) == 1


def test_devices_without_their_processes_are_refused():
    with pytest.raises(InputError, match="2 devices needs 2 processes: got 1"):
        start_processes(TrainingRequest(devices=2, device="cpu"))


@pytest.mark.slow
def test_with_batch_norm_of_each_process_training_converges(small_cohort, tmp_path):
    run_to_the_end(small_cohort, tmp_path / "m", 2, "--steps=80", "--loss=bce")
    losses = [point.loss for point in curve_of(tmp_path / "m")]
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_ends_the_job_with_one_clear_error(small_cohort, tmp_path, rank):
    process = start(small_cohort, tmp_path / "m")
    os.kill(process_of_rank(rank, tmp_path / "m"), signal.SIGKILL)
    killed = time.monotonic()
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert time.monotonic() - killed < 30
    (error,) = [line for line in told.splitlines() if line.startswith("metaseg:")]
    assert error == (
        f"metaseg: process {rank + 1} of 2 ended before its time (signal SIGKILL), and the others "
        "were stopped. The last checkpoint stays: go on with --resume."
    )
    assert "Traceback" not in told


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="signals as schedulers send them")
@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_all_and_keeps_what_there_is(small_cohort, tmp_path, kind):
    process = start(small_cohort, tmp_path / "m")
    process.send_signal(kind)
    said, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopped:" in said
    assert "Traceback" not in told
    assert load_package(tmp_path / "m").manifest.provenance["steps"] > 0
    run_to_the_end(
        small_cohort, tmp_path / "m", 2, f"--resume={tmp_path / 'm.run'}", "--minutes=0.01"
    )


@pytest.mark.slow
@pytest.mark.parametrize("method", ["film", "fusion-eigen", "hypernetwork", "sme", "mixture"])
def test_every_kind_of_method_trains_in_two_processes(small_cohort, tmp_path, method):
    run_to_the_end(small_cohort, tmp_path / "m", 2, "--steps=4", f"--method={method}")
