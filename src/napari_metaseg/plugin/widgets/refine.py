"""How objects are cut from the stored probability: live, off the main thread, nothing predicted."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QAbstractSpinBox, QDoubleSpinBox, QGridLayout, QWidget
from superqt import QLabeledDoubleSlider

from napari_metaseg.plugin import outputs
from napari_metaseg.plugin.cutting import KeptPart, PartCut, cut_anew
from napari_metaseg.plugin.focus import Focus
from napari_metaseg.plugin.jobs import Job
from napari_metaseg.plugin.segmenting import pixel_size_of
from napari_metaseg.plugin.widgets.parts import column, label, row, tool_button
from napari_metaseg.plugin.workspace import Workspace
from napari_metaseg.prediction.objects.refine import Refinement

_CUT_AFTER_MS = 60


class Refine(QWidget):
    """Threshold, smoothing and smallest object. `changed` after the shown objects changed."""

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
        self.threshold = _slider(0.05, 0.95, decimals=2)
        self.smoothing = _slider(0.0, 5.0, decimals=1)
        self.smallest = _size_box()
        self.reset = tool_button("↺", "Cut as usual: threshold 0.5, no smoothing, keep all sizes")
        self._reason = label("", "muted", wrap=True)
        self._lay_out()
        self._explain()
        self._show_values()
        for control in (self.threshold, self.smoothing, self.smallest):
            control.valueChanged.connect(self._on_moved)
        self.reset.clicked.connect(self._on_reset)
        workspace.refinement_changed.connect(self._on_refinement)

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 1)
        lines: tuple[tuple[str, Any], ...] = (
            ("Threshold", self.threshold),
            ("Smoothing, px", self.smoothing),
            ("Smallest object", row(self.smallest, 1, self.reset)),
        )
        for i, (name, control) in enumerate(lines):
            grid.addWidget(label(name), i, 0)
            add = grid.addWidget if isinstance(control, QWidget) else grid.addLayout
            add(control, i, 1)
        self.setLayout(column(grid, self._reason, spacing=2))

    def _explain(self) -> None:
        self.threshold.setToolTip(
            "A pixel this likely or more counts as object: lower finds more, higher is stricter."
        )
        self.smoothing.setToolTip(
            "Smooths the probability over so many pixels (standard deviation): fewer ragged rims "
            "and specks."
        )
        self.smallest.setToolTip("Smaller objects are left out.")

    @property
    def value(self) -> Refinement:
        """What the controls say."""
        size = float(self.smallest.value())
        own = {"smallest_um2": size} if self._pixel_size else {"smallest_px": size}
        return replace(
            self._workspace.refinement,
            threshold=round(float(self.threshold.value()), 2),
            smoothing_px=round(float(self.smoothing.value()), 1),
            **own,
        )

    @property
    def _pixel_size(self) -> float | None:
        return pixel_size_of(self._focus.condition)

    def _show_values(self) -> None:
        stands, in_um = self._workspace.refinement, bool(self._pixel_size)
        shown = (
            (self.threshold, stands.threshold),
            (self.smoothing, stands.smoothing_px),
            (self.smallest, stands.smallest_um2 if in_um else stands.smallest_px),
        )
        self.smallest.setSuffix(" µm²" if in_um else " px")
        for control, value in shown:
            control.blockSignals(True)
            control.setValue(value)
            control.blockSignals(False)

    def refresh(self, *, busy: bool) -> None:
        """Turn the controls on or off for the image in focus, saying why."""
        reason = "Wait for the work under way." if busy else self._why_not()
        self._show_values()
        for control in (self.threshold, self.smoothing, self.smallest, self.reset):
            control.setEnabled(not reason)
        self._reason.setText(reason)
        self._reason.setVisible(bool(reason))

    def _why_not(self) -> str:
        found = self._outputs()
        if found is None:
            return "Segment first; then move these to find more, fewer or smoother objects."
        if found.classes is not None:
            return "This model tells several classes apart: the most likely one wins."
        if outputs.is_corrected(found.labels):
            return "You corrected these objects by hand; segment again to cut them otherwise."
        return ""

    def _outputs(self) -> outputs.Outputs | None:
        image = self._focus.image
        return None if image is None else outputs.find_outputs(self._focus.viewer, image)

    def _on_moved(self, value: float) -> None:
        self._timer.start()

    def _on_reset(self) -> None:
        self._workspace.refinement = Refinement()
        self._on_refinement()

    def _on_refinement(self) -> None:
        self._show_values()
        self._timer.start()

    def cut(self) -> None:
        """Derive the objects of every predicted part again, those of the shown plane first."""
        self._timer.stop()
        found = self._outputs()
        if found is None or not self.threshold.isEnabled():
            return
        self._workspace.refinement = refinement = self.value
        self._timer.stop()
        if self._job is not None:
            self._job.cancel()
        self._target = found
        self._job = self._workspace.run(
            partial(cut_anew, self._kept(found), refinement, self._pixel_size), self._connect_job
        )

    def _kept(self, found: outputs.Outputs) -> list[KeptPart]:
        here = self._focus.plane
        parts = sorted(outputs.parts_done(found.probability), key=lambda p: p.plane != here)
        return [
            KeptPart(
                part,
                outputs.part_of(found.probability, part),
                None if found.depth is None else outputs.part_of(found.depth, part),
            )
            for part in parts
        ]

    def _connect_job(self, job: Job) -> None:
        job.event.connect(self._take)

    def _take(self, cut: PartCut) -> None:
        if self._target is None or self._target.labels not in self._focus.viewer.layers:
            return
        outputs.write_labels(self._target.labels, cut.part, cut.labels)
        self._workspace.predictions_changed.emit()
        self.changed.emit()


def _slider(low: float, high: float, *, decimals: int) -> QLabeledDoubleSlider:
    made = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
    made.setRange(low, high)
    made.setDecimals(decimals)
    return made


def _size_box() -> QDoubleSpinBox:
    made = QDoubleSpinBox()
    made.setRange(0.0, 1e7)
    made.setDecimals(1)
    made.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
    made.setSpecialValueText("keep all sizes")
    made.setProperty("look", "small")
    return made
