"""The training curve for TensorBoard, where that is asked for and installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_metaseg.errors import InputError
from napari_metaseg.events import CurvePoint

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter

_FOLDER = "tensorboard"


def check_tensorboard() -> None:
    """Raise `InputError` where TensorBoard is not installed; to be called before training."""
    _writer_class()


class TensorBoardLog:
    """Writes the points of a curve into the folder `tensorboard` of a run.

    `after_step` is the step that the run goes on from: TensorBoard then hides what an earlier try
    wrote beyond it, so a resumed run is one line, and a new run in an old folder starts empty.
    """

    def __init__(self, run: Path, *, after_step: int = 0) -> None:
        self._writer = _writer_class()(str(run / _FOLDER), purge_step=after_step + 1)

    def add(self, point: CurvePoint) -> None:
        """Log the loss and, where it was validated, the Dice of all domains and of each."""
        self._writer.add_scalar("loss", point.loss, point.step)
        if point.score is not None:
            self._writer.add_scalar("dice/mean of domains", point.score, point.step)
        for name, dice in point.domains.items():
            self._writer.add_scalar(f"dice/{name}", dice, point.step)
        self._writer.flush()

    def close(self) -> None:
        """Write what is left and close the file; calling it again changes nothing."""
        self._writer.close()


def _writer_class() -> type[SummaryWriter]:
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError:
        raise InputError(
            "TensorBoard is not installed",
            way_out='Run pip install "napari-metaseg[tensorboard]", or leave out --tensorboard',
        ) from None
    return SummaryWriter
