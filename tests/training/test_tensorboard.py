"""The log that TensorBoard reads: asked for, complete, and one line after a resume."""

import sys

import pytest

from napari_metaseg.errors import InputError
from napari_metaseg.events import CurvePoint
from napari_metaseg.training.tensorboard import TensorBoardLog, check_tensorboard


def logged(run):
    """Every scalar as TensorBoard itself reads it: tag to (step, value) pairs."""
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log = accumulators.EventAccumulator(str(run / "tensorboard"))
    log.Reload()
    return {
        tag: [(event.step, pytest.approx(event.value)) for event in log.Scalars(tag)]
        for tag in log.Tags()["scalars"]
    }


def write(run, points, after_step=0):
    pytest.importorskip("tensorboard")
    log = TensorBoardLog(run, after_step=after_step)
    for point in points:
        log.add(point)
    log.close()


def test_loss_and_the_dice_of_every_domain_are_logged_by_step(tmp_path):
    write(tmp_path, [CurvePoint(10, 1.5), CurvePoint(20, 0.5, 0.6, {"5x": 0.5, "20x · oil": 0.7})])
    assert logged(tmp_path) == {
        "loss": [(10, 1.5), (20, 0.5)],
        "dice/mean of domains": [(20, 0.6)],
        "dice/5x": [(20, 0.5)],
        "dice/20x · oil": [(20, 0.7)],
    }


def test_a_resumed_run_goes_on_in_the_same_line_without_the_steps_that_were_lost(tmp_path):
    write(tmp_path, [CurvePoint(10, 1.5), CurvePoint(20, 1.0), CurvePoint(30, 9.0)])
    write(tmp_path, [CurvePoint(30, 0.7), CurvePoint(40, 0.6)], after_step=20)
    assert logged(tmp_path)["loss"] == [(10, 1.5), (20, 1.0), (30, 0.7), (40, 0.6)]


def test_a_new_run_in_an_old_folder_begins_empty(tmp_path):
    write(tmp_path, [CurvePoint(1, 5.0), CurvePoint(10, 9.0)])
    write(tmp_path, [CurvePoint(10, 0.7)])
    assert logged(tmp_path)["loss"] == [(10, 0.7)]


def test_a_log_can_be_read_while_it_is_written(tmp_path):
    pytest.importorskip("tensorboard")
    log = TensorBoardLog(tmp_path)
    log.add(CurvePoint(10, 1.5))
    assert logged(tmp_path)["loss"] == [(10, 1.5)]
    log.close()
    log.close()


def test_without_tensorboard_the_way_out_is_said_before_training(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(InputError, match=r'pip install "napari-metaseg\[tensorboard\]"'):
        check_tensorboard()


def test_with_tensorboard_nothing_is_said():
    pytest.importorskip("tensorboard")
    check_tensorboard()
