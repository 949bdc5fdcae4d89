"""Asks a model what it would make of a part of an image, off the main thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.events import CancelToken
from napari_metaseg.plugin.jobs import Job
from napari_metaseg.plugin.latest import Latest
from napari_metaseg.plugin.segmenting import device_words
from napari_metaseg.plugin.workspace import Workspace
from napari_metaseg.prediction.objects.refine import Refinement

if TYPE_CHECKING:
    from napari_metaseg.packages.package import ModelPackage
    from napari_metaseg.prediction.request import GatesName
    from napari_metaseg.prediction.what_if import Answer, Place, WhatIf


@dataclass(frozen=True, eq=False)
class Asked:
    """The model and where it runs."""

    package: ModelPackage
    device: str
    gates: GatesName


@dataclass(frozen=True)
class Question:
    """What to try: with which model, where, which metadata, and how objects are cut."""

    model: Asked
    place: Place
    condition: Condition
    refinement: Refinement


class Asker(QObject):
    """One question under way, the newest waiting. `answered` carries an `Answered`."""

    answered = Signal(object)
    failed = Signal(str)

    def __init__(self, workspace: Workspace, parent: QObject) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._latest: Latest[Question, Answer] = Latest(self._answer)
        self._job: Job | None = None
        self._made: tuple[Asked, WhatIf] | None = None
        self.device = ""
        """What the last answer was computed on, in words."""

    def ask(self, question: Question) -> None:
        """Ask; what waited is forgotten."""
        if not self._latest.ask(question):
            self._job = self._workspace.run(self._latest.serve, self._connect)

    def drop(self) -> None:
        """What was asked so far no longer matters."""
        self._latest.drop()

    def close(self) -> None:
        """End the thread."""
        self._latest.drop()
        if self._job is not None:
            self._job.cancel()

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._latest.busy

    def _connect(self, job: Job) -> None:
        job.event.connect(self.answered)
        job.failed.connect(self.failed)

    def _answer(self, question: Question, token: CancelToken) -> Answer:
        """The answer; in the thread that serves."""
        made = self._made
        if made is None or made[0] is not question.model:
            made = self._made = (question.model, self._ready(question.model))
        return made[1].answer(question.place, question.condition, question.refinement, token)

    def _ready(self, model: Asked) -> WhatIf:
        from napari_metaseg.prediction.what_if import WhatIf, quick_predictor

        predictor = quick_predictor(model.package, device=model.device, gates=model.gates)
        self.device = device_words(predictor)
        return WhatIf(predictor)
