"""The demo in napari: samples open, a model trains live, its prediction is laid over and scored."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QDockWidget

from napari_metaseg.acquisition.cohort import CohortRow, read_cohort
from napari_metaseg.events import CancelToken, Event, Notice
from napari_metaseg.plugin.reader import LayerTuple
from napari_metaseg.plugin.sample_data import cohort_layers, contact_sheet
from napari_metaseg.plugin.widgets.acquisition import AcquisitionWidget
from napari_metaseg.plugin.widgets.frame import Panel
from napari_metaseg.plugin.widgets.score import ScoreWidget
from napari_metaseg.plugin.widgets.segment import SegmentWidget
from napari_metaseg.plugin.widgets.train import TrainWidget
from napari_metaseg.plugin.workspace import workspace_of
from napari_metaseg.studies.demo_settings import DEMO_DOMAIN, DEMO_MINUTES, DEMO_SETTINGS

DOCK_WIDTH = 330
_QUICK_STEPS = 30


def open_demo(folder: Path, *, quick: bool = False) -> None:
    """Open napari and show the whole job; returns when the window is closed.

    Everything is written below `folder`: the generated cohort and the model.
    """
    import napari

    viewer = napari.Viewer(title="Metaseg demo")
    demo = Demo(viewer, folder, quick=quick)
    demo.start()
    napari.run()


class Demo(QObject):
    """Plays the demo in a viewer: generate, train, segment, score. `ended` says how it ended.

    `steps` bounds the training; 0 lets it take two minutes.
    """

    ended = Signal(str)

    def __init__(self, viewer: Any, folder: Path, *, quick: bool = False, steps: int = 0) -> None:
        super().__init__()
        self.viewer, self.folder, self.quick = viewer, folder, quick
        self.steps = _QUICK_STEPS if quick else steps
        self.workspace = workspace_of(viewer)
        self.docks: dict[str, QDockWidget] = {}
        self.acquisition = AcquisitionWidget(viewer)
        self.segment = SegmentWidget(viewer)
        self.train = TrainWidget(viewer)
        self.score = ScoreWidget(viewer)
        for panel in (self.acquisition, self.segment, self.train, self.score):
            self._dock(panel)
        # The viewer keeps the demo alive as long as its own window.
        self.setParent(self.train)

    def _dock(self, panel: Panel) -> None:
        # Named as napari names it, so that the plugin menu shows and hides this very widget.
        dock = self.viewer.window.add_dock_widget(
            panel, name=f"{panel.title} (Metaseg)", area="right", tabify=bool(self.docks)
        )
        self.docks[panel.title] = dock
        dock.parentWidget().resizeDocks([dock], [DOCK_WIDTH], Qt.Orientation.Horizontal)

    def bring(self, title: str) -> None:
        """Bring a widget to the front of its tabs."""
        self.docks[title].raise_()

    def start(self) -> None:
        """Begin with the images; the rest follows by itself."""
        self.bring("Train")
        self.train.say("Taking images with a virtual microscope …", "busy")
        specimens = 4 if self.quick else 10
        self.workspace.run(partial(_make_cohort, self.folder, specimens), self._connect_images)

    def _connect_images(self, job: Any) -> None:
        job.succeeded.connect(self._on_images)
        job.failed.connect(self._on_failed)

    def _on_failed(self, message: str) -> None:
        self.train.say(message, "bad")
        self.ended.emit("failed")

    def _on_images(self, made: tuple[Path, list[LayerTuple]]) -> None:
        """Show images that the model never sees, then train on the others."""
        cohort, found = made
        for data, options, kind in found:
            layer = getattr(self.viewer, f"add_{kind}")(data, **options)
            if kind == "labels":
                layer.contour = 1
                layer.opacity = 1.0
        self.viewer.reset_view()
        self.viewer.layers.selection.active = self.viewer.layers[0]
        self._train(cohort)

    def _train(self, cohort: Path) -> None:
        train = self.train
        train.model_folder = self.folder
        train.model_name.setText("demo model")
        train.finds.setText("tumour nuclei")
        train.minutes.setValue(DEMO_MINUTES)
        train.advanced.fields.tick(*DEMO_DOMAIN)
        for name, value in DEMO_SETTINGS.items():
            train.advanced.form.set_value(name, value)
        train.advanced.form.set_value("steps", self.steps)
        train.source.use_cohort(cohort)
        train.train()
        self._then(train, self._on_trained)

    def _then(self, panel: Panel, slot: Any) -> None:
        if panel.job is None:
            self.ended.emit("failed")
        else:
            panel.job.finished.connect(slot)

    def _on_trained(self, outcome: str) -> None:
        if outcome != "done":
            self.ended.emit(outcome)
            return
        self.bring("Segment")
        self.segment.segment_images()
        self._then(self.segment, self._on_segmented)

    def _on_segmented(self, outcome: str) -> None:
        if outcome != "done":
            self.ended.emit(outcome)
            return
        self.bring("Score")
        self.score.score()
        self._then(self.score, self._on_scored)

    def _on_scored(self, outcome: str) -> None:
        self.viewer.layers.selection.active = self.viewer.layers[0]
        self.ended.emit(outcome)


def _make_cohort(
    folder: Path, specimens: int, token: CancelToken
) -> Generator[Event, None, tuple[Path, list[LayerTuple]]]:
    """Write the demo's cohort; returns its table and the layers of one test specimen of each."""
    from napari_metaseg.datasets.microscope.samples import demo_cohort

    yield Notice("Taking images with a virtual microscope")
    table = demo_cohort(folder / "cohort", specimens=specimens)
    token.raise_if_cancelled()
    tests = [row for row in read_cohort(table) if row.split == "test"]
    return table, contact_sheet(cohort_layers(_one_specimen_each(tests)))


def _one_specimen_each(rows: list[CohortRow]) -> list[CohortRow]:
    """The rows of the first specimen of every kind: its name without the number at its end."""
    first: dict[str, str] = {}
    for row in rows:
        first.setdefault(row.group.rpartition("-")[0], row.group)
    return [row for row in rows if row.group in first.values()]
