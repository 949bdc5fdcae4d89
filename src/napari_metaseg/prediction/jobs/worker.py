"""What a worker process does: one image at a time, told and answered in JSON texts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken
from napari_metaseg.packages.package import load_package
from napari_metaseg.prediction.jobs.kept import predict_and_note
from napari_metaseg.prediction.jobs.plan import ImageTask
from napari_metaseg.prediction.jobs.results import PredictionEntry
from napari_metaseg.prediction.jobs.setup import Setup
from napari_metaseg.prediction.predictor import Predictor

Blame = Literal["image", "worker"]
"""Whether another image would fail as well."""

_LOOK_S = 0.5
_AT_WORK = threading.Lock()
"""A predictor serves one thread; a worker of several threads gives them all to one image."""


def predict_one(task_text: str, setup_text: str, threads: int) -> str:
    """Predict one image and note that it is finished; the answer is for `read_answer`.

    With so many threads of PyTorch, or with 0 as many as the worker has. The model is kept for the
    images to come.
    """
    setup, task = Setup.from_json(setup_text), ImageTask.from_json(task_text)
    with _AT_WORK:
        try:
            _check_place(setup)
            predictor = _predictor(replace(setup, out=Path(), run=""), threads or _own_threads())
        except InputError as error:
            return _failed("worker", error)
        try:
            token = _RunToken(setup.mark)
            entry = _result(predict_and_note(predictor, task, setup.finished, token))
        except InputError as error:
            return _failed("image", error)
    return json.dumps({"entry": entry.to_json()})


class _RunToken(CancelToken):
    """Cancelled once the mark of the run is gone; looks every half a second at most."""

    def __init__(self, mark: Path) -> None:
        super().__init__()
        self._mark, self._looked = mark, time.monotonic()

    @property
    def cancelled(self) -> bool:
        """Whether the run has ended."""
        now = time.monotonic()
        if now - self._looked > _LOOK_S:
            self._looked = now
            if not self._mark.is_file():
                self.cancel()
        return super().cancelled


def _check_place(setup: Setup) -> None:
    if not setup.mark.is_file():
        raise InputError(
            f"a worker does not see the folder {setup.out}",
            got="another folder of that name" if setup.out.is_dir() else "no such folder there",
            way_out="Give an --out on a file system that all workers share",
        )


def _own_threads() -> int:
    from distributed import get_worker

    return int(get_worker().state.nthreads)


def read_answer(text: str) -> tuple[PredictionEntry | InputError, Blame]:
    """What a worker answered; who is to blame means something for errors only."""
    answer = json.loads(text)
    if "entry" in answer:
        return PredictionEntry.from_json(answer["entry"]), "image"
    error = InputError(answer["what"], got=answer["got"], way_out=answer["way_out"])
    return error, answer["blame"]


@lru_cache(maxsize=1)
def _predictor(setup: Setup, threads: int) -> Predictor:
    import torch

    torch.set_num_threads(threads)
    package = load_package(setup.package)
    if setup.digest(package) != setup.made_with:
        raise InputError(
            f"a worker sees another model at {setup.package}, or has another napari-metaseg",
            way_out="Give a model on a file system that all workers share, and one environment",
        )
    return setup.predictor(package)


def _failed(blame: Blame, error: InputError) -> str:
    got = None if error.got is None else str(error.got)
    told = {"blame": blame, "what": error.what, "got": got, "way_out": error.way_out}
    return json.dumps(told)


def _result(events: Generator[Any, None, PredictionEntry]) -> PredictionEntry:
    """Run to the end; what is told on the way stays here, the notices are in the entry."""
    while True:
        try:
            next(events)
        except StopIteration as stop:
            entry: PredictionEntry = stop.value
            return entry
