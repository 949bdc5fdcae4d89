"""What is written beside the checkpoints while a run goes on: for people, not to go on from."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import torch

from napari_metaseg.datasets.survey_file import save_surveys
from napari_metaseg.events import CurvePoint, Event
from napari_metaseg.training.checkpoint import start_run
from napari_metaseg.training.fields import domain_names
from napari_metaseg.training.plan import TrainingPlan
from napari_metaseg.training.processes import Processes
from napari_metaseg.training.run_folder import write_curve, write_environment, write_provenance
from napari_metaseg.training.tensorboard import TensorBoardLog, check_tensorboard

_PICTURE_EVERY_S = 30.0


class RunRecord:
    """Keeps a run's folder: request, surveys, environment, provenance, and the curve as it grows.

    The first process alone writes. A disk that is full stops no training: what cannot be written of
    the curve is not.
    """

    def __init__(self, run: Path, plan: TrainingPlan, processes: Processes) -> None:
        self._run, self._plan, self._processes = run, plan, processes
        self._curve: list[CurvePoint] = []
        self._log: TensorBoardLog | None = None
        self._pictured = time.monotonic()
        self._after_step = 0
        if plan.request.tensorboard:
            check_tensorboard()

    def open(self, after_step: int = 0) -> None:
        """Write what is known before the first step; `after_step` is where a resumed run was."""
        self._after_step = after_step
        if not self._processes.first:
            return
        plan, processes = self._plan, self._processes
        start_run(self._run, plan.request)
        save_surveys(self._run, plan.planes)
        write_environment(
            self._run,
            device=str(processes.device),
            precision=processes.precision,
            threads=torch.get_num_threads(),
            processes=processes.count,
        )
        write_provenance(
            self._run,
            {"train": plan.train, "val": plan.validation, "replay": plan.replay},
            by=domain_names(plan.request, plan.train),
            notices=plan.notices,
            resumed=after_step > 0,
        )
        if plan.request.tensorboard:
            self._log = TensorBoardLog(self._run, after_step=after_step)

    def take(self, event: Event) -> None:
        """Take in what a run says; what a resumed run repeats of its curve is written already."""
        if not isinstance(event, CurvePoint):
            return
        self._curve.append(event)
        if not self._processes.first or event.step <= self._after_step:
            return
        if self._log is not None:
            self._log.add(event)
        if event.score is not None:
            self._draw(picture=time.monotonic() - self._pictured > _PICTURE_EVERY_S)

    def close(self) -> None:
        """Write what is left."""
        if self._processes.first:
            self._draw(picture=True)
        if self._log is not None:
            self._log.close()

    def _draw(self, *, picture: bool) -> None:
        if picture:
            self._pictured = time.monotonic()
        with suppress(OSError):
            write_curve(self._run, self._curve, picture=picture)
