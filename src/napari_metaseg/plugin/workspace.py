"""What the widgets of one viewer share beside its layers: models, cohort, running jobs.

There is one workspace per viewer. It holds no reference to the viewer, so that the weak mapping
below lets both go together; closing the window stops its jobs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from qtpy.QtCore import QCoreApplication, QEvent, QObject, QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_metaseg.plugin.history import History
from napari_metaseg.plugin.jobs import Job, Work
from napari_metaseg.plugin.settings import preferences, remember_refinement
from napari_metaseg.prediction.objects.refine import Refinement

if TYPE_CHECKING:
    from napari_metaseg.packages.package import ModelPackage


@dataclass(frozen=True)
class LoadedModel:
    """A model package in memory, and where it came from."""

    name: str
    path: Path
    package: ModelPackage = field(compare=False)


class Workspace(QObject):
    """The models of one viewer, the one in use, the cohort and the jobs under way."""

    models_changed = Signal()
    """A model came, or another one is in use."""
    predictions_changed = Signal()
    """A prediction layer holds something new."""
    refinement_changed = Signal()
    """Objects are to be cut in another way."""
    cohort_changed = Signal()
    device_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.history = History()
        """Of the edits of what is known of images, whichever widget made them."""
        self._models: dict[str, LoadedModel] = {}
        self._current = ""
        self._jobs: list[Job] = []
        self._cohort: Path | None = None
        self._device = ""
        self._refinement: Refinement | None = None
        self._watched: set[int] = set()
        self._closing = False
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.close)

    @property
    def models(self) -> tuple[LoadedModel, ...]:
        """Every model of this viewer, in the order they came."""
        return tuple(self._models.values())

    @property
    def current(self) -> LoadedModel | None:
        """The model in use, if there is one."""
        return self._models.get(self._current)

    def add_model(self, model: LoadedModel) -> None:
        """Take a model in (replacing one of the same name) and use it."""
        self._models[model.name] = model
        self._current = model.name
        self.models_changed.emit()

    def use_model(self, name: str) -> None:
        """Make the named model the one in use."""
        if name in self._models and name != self._current:
            self._current = name
            self.models_changed.emit()

    @property
    def cohort(self) -> Path | None:
        """The cohort table in use, if there is one."""
        return self._cohort

    @cohort.setter
    def cohort(self, path: Path | None) -> None:
        self._cohort = path
        self.cohort_changed.emit()

    @property
    def device(self) -> str:
        """The device that work runs on, in words; empty until the first run has told."""
        return self._device

    @device.setter
    def device(self, words: str) -> None:
        if words != self._device:
            self._device = words
            self.device_changed.emit()

    @property
    def refinement(self) -> Refinement:
        """How objects are cut: as remembered until a widget says otherwise."""
        if self._refinement is None:
            self._refinement = preferences().refinement
        return self._refinement

    @refinement.setter
    def refinement(self, refinement: Refinement) -> None:
        if refinement != self.refinement:
            self._refinement = refinement
            remember_refinement(refinement)
            self.refinement_changed.emit()

    def run(self, work: Work, connect: Callable[[Job], Any] = lambda job: None) -> Job:
        """Start some work; `connect` attaches slots before it begins."""
        self._jobs = [job for job in self._jobs if job.running]
        job = Job(work)
        connect(job)
        self._jobs.append(job)
        return job.start()

    @property
    def busy(self) -> bool:
        """Whether any job is under way."""
        return any(job.running for job in self._jobs)

    def close(self) -> None:
        """Stop every job and wait for it; calling it again changes nothing."""
        for job in self._jobs:
            job.cancel()
        for job in self._jobs:
            job.wait()
        self._jobs.clear()

    def watch(self, widget: QWidget) -> None:
        """End with the window that `widget` sits in."""
        window = widget.window()
        if window is not widget and id(window) not in self._watched:
            self._watched.add(id(window))
            window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notice the window closing: a close that was not refused is followed by a hide."""
        if event.type() == QEvent.Type.Close:
            self._closing = True
            QTimer.singleShot(0, self._forget_refused_close)
        elif event.type() == QEvent.Type.Hide and self._closing:
            self.close()
        return False

    def _forget_refused_close(self) -> None:
        self._closing = False


_workspaces: WeakKeyDictionary[Any, Workspace] = WeakKeyDictionary()


def workspace_of(viewer: Any) -> Workspace:
    """The viewer's workspace, made at the first call.

    A viewer is a validated model that takes no further attributes, so the tie is this mapping; its
    keys are weak, so it keeps no viewer alive.
    """
    if viewer not in _workspaces:
        _workspaces[viewer] = Workspace()
    return _workspaces[viewer]
