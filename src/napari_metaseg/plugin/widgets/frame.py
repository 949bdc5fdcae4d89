"""The frame that every widget has: a head that says what it works on, a body that scrolls."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QDockWidget, QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from napari_metaseg.acquisition.condition import domain_label
from napari_metaseg.plugin import layers
from napari_metaseg.plugin.focus import Focus, Links
from napari_metaseg.plugin.jobs import Job, Work
from napari_metaseg.plugin.widgets import style
from napari_metaseg.plugin.widgets.parts import (
    Chip,
    StatusKind,
    StatusLine,
    eliding_label,
    label,
    line,
    row,
)
from napari_metaseg.plugin.workspace import workspace_of

MINIMUM_WIDTH = 312
"""Of a panel; with the dock's own margin it makes 320 pixels."""


class Head(QWidget):
    """The image in focus, its domain as a chip, the device, and a line saying what is going on."""

    def __init__(self) -> None:
        super().__init__()
        self._name = eliding_label("", "title")
        self._device = label("", "device")
        self._device.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._chip = Chip()
        self._plane = label("", "muted")
        self.status = StatusLine()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(5)
        layout.addLayout(row(self._name, self._device))
        layout.addLayout(row(self._chip, self._plane, 1))
        layout.addWidget(self.status)

    @property
    def domain(self) -> str:
        """What the chip says."""
        return self._chip.full_text

    def show_focus(self, focus: Focus) -> None:
        """Name the image in focus, its plane and its domain."""
        image = focus.image
        self._name.setText(image.name if image else "No image yet")
        self._name.setToolTip(image.name if image else "Open an image or a sample to begin")
        self._chip.setVisible(image is not None)
        words = chip_words(focus)
        self._chip.show_text(words)
        self._chip.setToolTip(f"How this was acquired, as far as is known: {words}")
        self._plane.setText(plane_words(focus))

    def show_device(self, words: str) -> None:
        """Name the device that work runs on."""
        self._device.setText(words or "device: auto")
        self._device.setToolTip(
            "What the work runs on. 'auto' takes the graphics card if there is one; it is shown "
            "here once the first run has begun."
        )


def chip_words(focus: Focus) -> str:
    """The domain of the shown plane, such as `brightfield · 20x · 40 ms`."""
    stack = focus.image is not None and layers.size(focus.image, "Z") > 1
    by = ("modality", "magnification", "exposure_ms", *(("plane_offset_um",) if stack else ()))
    return domain_label(focus.condition, by)


def plane_words(focus: Focus) -> str:
    """Such as `z 4/12`; empty for an image of one plane."""
    if focus.image is None:
        return ""
    plane, image = focus.plane, focus.image
    parts = [
        f"{axis.lower()} {getattr(plane, axis.lower()) + 1}/{layers.size(image, axis)}"
        for axis in "ZT"
        if layers.size(image, axis) > 1
    ]
    return " · ".join(parts)


class Panel(QWidget):
    """A dock widget of this plugin. Subclasses fill `self.body`, perhaps `self.footer`.

    The body scrolls; the footer stays in view. The `on_…` hooks are overridden for jobs.
    """

    title = ""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        self.workspace = workspace_of(viewer)
        self.focus = Focus(viewer, self)
        self.head = Head()
        self.job: Job | None = None
        self._busy = False
        self.body, self.footer = QVBoxLayout(), QVBoxLayout()
        self._lay_out()
        self._connect()
        self.setStyleSheet(style.sheet(viewer.theme))
        self.setMinimumWidth(MINIMUM_WIDTH)
        self.head.show_focus(self.focus)
        self.head.show_device(self.workspace.device)

    def _lay_out(self) -> None:
        content = QWidget()
        content.setLayout(self.body)
        self.body.setContentsMargins(7, 6, 4, 8)
        self.body.setSpacing(8)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(content)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self.head)
        outer.addWidget(line())
        outer.addWidget(scroll, 1)
        outer.addLayout(self.footer)
        self.footer.setContentsMargins(0, 0, 0, 0)

    def _connect(self) -> None:
        for signal in (self.focus.layer_changed, self.focus.record_changed):
            signal.connect(self._refresh_head)
        self.focus.plane_changed.connect(self._refresh_head)
        self.workspace.device_changed.connect(self._refresh_device)
        links = Links()
        links.connect(self.viewer.events.theme, self._on_theme)
        self.destroyed.connect(links.cut)

    def _refresh_head(self) -> None:
        self.head.show_focus(self.focus)

    def _refresh_device(self) -> None:
        self.head.show_device(self.workspace.device)

    def _on_theme(self, event: object = None) -> None:
        self.setStyleSheet(style.sheet(self.viewer.theme))

    def sizeHint(self) -> QSize:
        """Enough to work in; panels docked above each other share the height evenly."""
        return QSize(MINIMUM_WIDTH, 520)

    def showEvent(self, event: QShowEvent) -> None:
        """Tie the work of this panel to the window it sits in."""
        super().showEvent(event)
        self.workspace.watch(self)
        dock = self.parentWidget()
        if isinstance(dock, QDockWidget):
            # napari's longer name does not fit the tab of a narrow dock.
            dock.setWindowTitle(self.title)

    def say(self, text: str, kind: StatusKind = "info") -> None:
        """Put a message into the head's status line."""
        self.head.status.show_message(text, kind)

    @property
    def busy(self) -> bool:
        """Whether this panel's job is under way, or its end has not been shown yet."""
        return self._busy

    def run_job(self, work: Work) -> Job:
        """Start work whose events, result and error come back to the `on_…` hooks."""
        self.workspace.watch(self)
        self._busy = True
        self.job = self.workspace.run(work, self._connect_job)
        self.destroyed.connect(self.job.cancel)
        return self.job

    def _connect_job(self, job: Job) -> None:
        job.event.connect(self.on_event)
        job.succeeded.connect(self.on_result)
        job.failed.connect(self.on_failed)
        job.finished.connect(self._finish)

    def _finish(self, outcome: str) -> None:
        self._busy = False
        self.on_finished(outcome)

    def cancel(self) -> None:
        """Ask the job under way to stop."""
        if self.job is not None:
            self.job.cancel()

    def on_event(self, event: object) -> None:
        """What the job says while it runs."""

    def on_result(self, result: object) -> None:
        """What the job returned."""

    def on_failed(self, message: str) -> None:
        """The job failed: say so, in the widget."""
        self.say(message, "bad")

    def on_finished(self, outcome: str) -> None:
        """The job is over: the widget is usable again."""
