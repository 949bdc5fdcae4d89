"""Checkpoints: at any moment a whole one is there."""

from __future__ import annotations

import errno
import sys

import pytest
import torch

from napari_metaseg.errors import InputError
from napari_metaseg.events import CurvePoint
from napari_metaseg.training import checkpoint as module
from napari_metaseg.training.checkpoint import (
    Checkpoint,
    Position,
    clear_leftovers,
    load_checkpoint,
    save_checkpoint,
)

POSITION = Position(
    step=12,
    elapsed_s=3.5,
    best_score=0.7,
    best_step=10,
    best_domains={"10x": 0.7},
    stale=1,
    curve=(CurvePoint(10, 0.5, 0.7, {"10x": 0.7}), CurvePoint(12, 0.4)),
    losses=(0.1, 0.2),
    at_once=4,
    scaler={"scale": 65536.0},
)


def checkpoint(step=12):
    tensors = {"a.weight": torch.randn(3, 2)}
    return Checkpoint(
        Position(**{**vars(POSITION), "step": step}),
        network=tensors,
        best={"a.weight": torch.randn(3, 2)},
        optimizer={"0.step": torch.tensor(3.0)},
        average={"n": torch.tensor(3)},
        random={"cpu": torch.get_rng_state()},
    )


def test_what_is_saved_is_what_is_loaded(tmp_path):
    saved = checkpoint()
    save_checkpoint(tmp_path, saved)
    found = load_checkpoint(tmp_path)
    assert found.position == saved.position
    for name in ("network", "best", "optimizer", "average", "random"):
        mine, theirs = getattr(found, name), getattr(saved, name)
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[key], theirs[key]) for key in mine)


def test_no_run_has_no_checkpoint(tmp_path):
    assert load_checkpoint(tmp_path) is None
    assert load_checkpoint(tmp_path / "nothing") is None


def test_the_newest_takes_the_place_of_the_one_before(tmp_path):
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, checkpoint(step))
    assert load_checkpoint(tmp_path).position.step == 3
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1


def test_a_full_disk_leaves_the_one_before(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, checkpoint(1))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "save_file", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(tmp_path, checkpoint(2))
    assert load_checkpoint(tmp_path).position.step == 1
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["00000001"]


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_a_disk_that_takes_no_more_leaves_the_one_before(tmp_path):
    """A real limit: the operating system refuses the bytes in the middle of a file."""
    import resource

    save_checkpoint(tmp_path, checkpoint(1))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))
        with pytest.raises(OSError, match=r"[Ff]ile too large"):
            save_checkpoint(tmp_path, checkpoint(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert load_checkpoint(tmp_path).position.step == 1
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["00000001"]


def test_of_two_that_a_killed_process_left_the_newer_counts(tmp_path):
    """Killed between writing the new one and removing the old."""
    save_checkpoint(tmp_path, checkpoint(1))
    (tmp_path / "checkpoints" / "00000001").rename(tmp_path / "old")
    save_checkpoint(tmp_path, checkpoint(2))
    (tmp_path / "checkpoints" / "00000001").rename(tmp_path / "checkpoints" / "00000002")
    (tmp_path / "old").rename(tmp_path / "checkpoints" / "00000001")
    assert load_checkpoint(tmp_path).position.step == 2
    save_checkpoint(tmp_path, checkpoint(3))
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["00000003"]


def test_half_a_checkpoint_is_cleared_away(tmp_path):
    save_checkpoint(tmp_path, checkpoint(1))
    half = tmp_path / "checkpoints" / ".00000002.x1y2"
    half.mkdir()
    (half / "network.safetensors").write_bytes(b"half")
    assert load_checkpoint(tmp_path).position.step == 1
    clear_leftovers(tmp_path)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["00000001"]


@pytest.mark.parametrize("name", ["network.safetensors", "position.json", "optimizer.safetensors"])
def test_a_damaged_one_is_refused_or_the_one_before_it_taken(tmp_path, name):
    save_checkpoint(tmp_path, checkpoint(1))
    file = tmp_path / "checkpoints" / "00000001" / name
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(InputError, match=r"checkpoint .* cannot be read"):
        load_checkpoint(tmp_path)
    (tmp_path / "checkpoints" / "00000001").rename(tmp_path / "checkpoints" / "00000009")
    sound = tmp_path / "sound"
    save_checkpoint(sound, checkpoint(7))
    (sound / "checkpoints" / "00000001").rename(tmp_path / "checkpoints" / "00000008")
    assert load_checkpoint(tmp_path).position.step == 7
