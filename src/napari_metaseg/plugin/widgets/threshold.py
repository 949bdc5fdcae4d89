"""The threshold slider: derives objects anew from the stored probability, off the main thread."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QWidget
from superqt import QLabeledDoubleSlider

from napari_metaseg.plugin import outputs
from napari_metaseg.plugin.focus import Focus
from napari_metaseg.plugin.jobs import Job
from napari_metaseg.plugin.layers import PlaneIndex
from napari_metaseg.plugin.segmenting import KeptPlane, PlaneCut, cut_anew
from napari_metaseg.plugin.widgets.parts import column, label, row
from napari_metaseg.plugin.workspace import Workspace

_CUT_AFTER_MS = 60


class Threshold(QWidget):
    """How likely a pixel must be to count as object. `changed` after the shown objects changed."""

    changed = Signal()

    def __init__(self, focus: Focus, workspace: Workspace) -> None:
        super().__init__()
        self._focus, self._workspace = focus, workspace
        self._job: Job | None = None
        self._target: outputs.Outputs | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_CUT_AFTER_MS)
        self._timer.timeout.connect(self.cut)
        self.slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0.05, 0.95)
        self.slider.setDecimals(2)
        self.slider.setValue(0.5)
        self.slider.setToolTip(
            "A pixel this likely or more counts as object: lower finds more, higher is stricter."
        )
        self.slider.valueChanged.connect(self._on_moved)
        self._reason = label("", "muted", wrap=True)
        line = row(label("Threshold"), self.slider)
        line.setStretch(1, 1)
        self.setLayout(column(line, self._reason, spacing=2))

    @property
    def value(self) -> float:
        """The threshold, 0 to 1."""
        return float(self.slider.value())

    def refresh(self, *, busy: bool) -> None:
        """Turn the slider on or off for the image in focus, saying why."""
        reason = "Wait for the work under way." if busy else self._why_not()
        self.slider.setEnabled(not reason)
        self._reason.setText(reason)
        self._reason.setVisible(bool(reason))

    def _why_not(self) -> str:
        found = self._outputs()
        if found is None:
            return "Segment first; then move this to find more or fewer objects."
        if found.classes is not None:
            return "This model tells several classes apart: the most likely one wins."
        if outputs.is_corrected(found.labels):
            return "You corrected these objects by hand; segment again to use another threshold."
        return ""

    def _outputs(self) -> outputs.Outputs | None:
        image = self._focus.image
        return None if image is None else outputs.find_outputs(self._focus.viewer, image)

    def _on_moved(self, value: float) -> None:
        self._timer.start()

    def cut(self) -> None:
        """Derive the objects of every predicted plane again, the shown plane first."""
        found = self._outputs()
        if found is None or not self.slider.isEnabled():
            return
        if self._job is not None:
            self._job.cancel()
        self._target = found
        here, probability = self._focus.plane, found.probability
        planes = sorted(outputs.planes_done(probability), key=lambda p: p != here)
        kept = [
            KeptPlane(
                p.key,
                outputs.plane_of(probability, p),
                None if found.depth is None else outputs.plane_of(found.depth, p),
            )
            for p in planes
        ]
        threshold = self.value
        self._job = self._workspace.run(
            lambda token: cut_anew(kept, threshold, token), self._connect_job
        )

    def _connect_job(self, job: Job) -> None:
        job.event.connect(self._take)

    def _take(self, cut: PlaneCut) -> None:
        if self._target is None or self._target.labels not in self._focus.viewer.layers:
            return
        plane = PlaneIndex(*(int(part) for part in cut.key.split(",")))
        outputs.write_plane(self._target.labels, plane, cut.labels)
        self._workspace.predictions_changed.emit()
        self.changed.emit()
