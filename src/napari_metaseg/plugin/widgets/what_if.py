"""The What if widget: try other metadata on the visible part of an image, and see it change."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QDockWidget, QPushButton

from napari_metaseg.events import Notice
from napari_metaseg.plugin import edits, layers
from napari_metaseg.plugin.asking import Asked, Asker, Question
from napari_metaseg.plugin.focus import Links
from napari_metaseg.plugin.latest import Answered
from napari_metaseg.plugin.layers import PlaneIndex
from napari_metaseg.plugin.regions import Region, size_words, visible_region
from napari_metaseg.plugin.segmenting import LayerPlane, load_model, pixel_size_of, plane_task
from napari_metaseg.plugin.settings import preferences
from napari_metaseg.plugin.trial_layer import BOTH_COLOUR, TRIED_COLOUR, TRUE_COLOUR, TrialLayer
from napari_metaseg.plugin.trying import answer_words, time_words, trial_fields, tried_condition
from napari_metaseg.plugin.widgets import style
from napari_metaseg.plugin.widgets.adopt import Adopt
from napari_metaseg.plugin.widgets.frame import Panel
from napari_metaseg.plugin.widgets.model_chooser import ModelChooser
from napari_metaseg.plugin.widgets.parts import card, label
from napari_metaseg.plugin.widgets.trials import Trials
from napari_metaseg.plugin.workspace import LoadedModel

if TYPE_CHECKING:
    from napari_metaseg.prediction.what_if import Place

MOST_PX = 512
"""The longest side that is looked at, so that an answer comes at once."""
_REST_MS = 250
"""So long the view must rest before its new part is looked at."""
_LEGEND = "<br>".join(
    f"<span style='color:{colour}'>■</span> {words}"
    for colour, words in (
        (BOTH_COLOUR, "found either way"),
        (TRIED_COLOUR, "found only with what you try"),
        (TRUE_COLOUR, "found only with the true metadata"),
    )
)
_HINT = "Try other values: the visible part follows."
_IMAGE_ALONE = (
    "This model looks at the image alone: other metadata change nothing. Choose a model that was "
    "trained with metadata."
)


class WhatIfWidget(Panel):
    """Sliders and choices for what a model reads of the metadata; the visible part follows."""

    title = "What if"

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self._asker = Asker(self.workspace, self)
        self._layer = TrialLayer(napari_viewer)
        self._model: Asked | None = None
        self._place: tuple[Image, PlaneIndex, Region, Place] | None = None
        self._raw: LayerPlane | None = None
        self._links = Links()
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._build()
        self._connect_parts()
        self._on_models()

    def _build(self) -> None:
        self.chooser = ModelChooser(self.workspace)
        self.trials = Trials(style.colours(self.viewer.theme))
        self.answer, self.time = label("", wrap=True), label("", "muted", wrap=True)
        self.where = label("", "muted", wrap=True)
        self.adopt = Adopt()
        self.remove_button = QPushButton("Remove from the image")
        self._card = card(self.answer, self.time, label(_LEGEND), self.where)
        for widget in (self.chooser, self.trials, self._card, self.adopt, self.remove_button):
            self.body.addWidget(widget)
        self.body.addStretch(1)

    def _connect_parts(self) -> None:
        self.chooser.load.connect(self.load_model)
        self.trials.tried.connect(self._on_tried)
        self.adopt.adopted.connect(self.use_as_metadata)
        self.adopt.undone.connect(self._undo)
        self.remove_button.clicked.connect(self._layer.remove)
        self._asker.answered.connect(self._on_answer)
        self._asker.failed.connect(self.on_failed)
        self._rest.timeout.connect(self.look)
        self.workspace.models_changed.connect(self._on_models)
        self.workspace.refinement_changed.connect(self._ask)
        self.focus.layer_changed.connect(self.look)
        for moved in (self.focus.plane_changed, self.focus.record_changed):
            moved.connect(self._rest.start)
        for emitter in (
            self.viewer.scene.camera.events.center,
            self.viewer.scene.camera.events.zoom,
        ):
            self._links.connect(emitter, self._on_camera)
        self.destroyed.connect(self._links.cut)
        self.destroyed.connect(self._asker.close)

    def load_model(self, path: Path) -> None:
        """Load a package folder or zip in the background and use it."""
        self.say(f"Loading {path.name} …", "busy")
        self.run_job(partial(load_model, path))

    def on_event(self, event: object) -> None:
        """Say what the loading says."""
        if isinstance(event, Notice):
            self.say(event.text, "busy")

    def on_result(self, result: object) -> None:
        """Use the loaded model."""
        if isinstance(result, LoadedModel):
            self.workspace.add_model(result)

    def _on_camera(self, event: object = None) -> None:
        self._rest.start()

    def _on_models(self) -> None:
        model, stored = self.workspace.current, preferences()
        self._model = None
        if model is not None:
            self._model = Asked(model.package, stored.device, stored.gates)
        self._place = None
        self.look()

    def look(self) -> None:
        """Look at what the window shows now; where that changed, ask anew."""
        self._rest.stop()
        image, model = self.focus.image, self._model
        fields = () if model is None else trial_fields(model.package.manifest, self.focus.condition)
        usable = image is not None and bool(fields)
        self.trials.show_fields(fields if usable else (), self.focus.condition)
        for part in (self._card, self.adopt, self.remove_button):
            part.setVisible(usable)
        if image is None or not usable:
            self._place = None
            self._asker.drop()
            self._layer.remove()
            self.say(*self._why_not())
        elif self._move(image, self.focus.plane):
            self.say(_HINT)
            self._ask()

    def _why_not(self) -> tuple[str, Any]:
        if self._model is None:
            return "Load a model, or train one with the Train widget.", "info"
        if self.focus.image is None:
            return "Open an image to look at.", "info"
        return _IMAGE_ALONE, "warn"

    def _move(self, image: Image, plane: PlaneIndex) -> bool:
        """Take the part of the image that is visible now; whether that is another one."""
        from napari_metaseg.prediction.what_if import Place

        task, region = plane_task(image, plane), visible_region(image, MOST_PX)
        raw, before = self._raw, self._place
        if raw is None or raw.pixels is not task.pixels or raw.at != task.at:
            self._raw = raw = LayerPlane(task.pixels, task.at)
        if before is not None and before[:3] == (image, plane, region):
            place = before[3]
            if place.raw is raw and place.truth == task.condition:
                return False
        self._asker.drop()
        found = Place(raw, region, task.condition, pixel_size_of(task.condition))
        self._place = (image, plane, region, found)
        self.where.setText(f"Looks at {size_words(region)} in the middle of the view.")
        return True

    def _on_tried(self) -> None:
        self.adopt.offer(self.trials.changes())
        self._ask()

    def _ask(self) -> None:
        if self._model is None or self._place is None or not self.isVisible():
            return
        self.adopt.offer(self.trials.changes())
        place = self._place[3]
        condition = tried_condition(place.truth, self.trials.values)
        self._asker.ask(Question(self._model, place, condition, self.workspace.refinement))

    def on_failed(self, message: str) -> None:
        """Say what went wrong, and show nothing that could be taken for an answer."""
        super().on_failed(message)
        self.answer.setText("")
        self.time.setText("")

    def _on_answer(self, answered: Answered[Question, Any]) -> None:
        question, answer = answered.question, answered.answer
        if self._place is None or question.place is not self._place[3]:
            return
        image, plane, region, _ = self._place
        if image not in self.viewer.layers:
            return
        self._layer.show(image, plane, region, answer.difference)
        self.answer.setText(answer_words(answer))
        self.time.setText(time_words(answer))
        self.workspace.device = self._asker.device
        if self.head.status.kind == "bad":
            self.say(_HINT)

    def use_as_metadata(self) -> None:
        """Note the tried values as what is known of the image, as one step to undo."""
        image, plane = self.focus.image, self.focus.plane
        values = {name: value for name, value in self.trials.values.items() if value is not None}
        if image is None or not values:
            return
        images = layers.image_layers(self.viewer)
        with self.workspace.history.step(edits.companions(image, images)):
            edits.state(image, plane, values, images=images)
        self.look()
        self.say("Noted. The Acquisition widget shows it; Undo takes it back.", "good")

    def _undo(self) -> None:
        self.workspace.history.undo()
        self.look()
        self.say("Taken back.", "good")

    def showEvent(self, event: Any) -> None:
        """Look at once when it is seen."""
        super().showEvent(event)
        self._place = None
        self.look()

    def hideEvent(self, event: Any) -> None:
        """Work no more; behind another tab it keeps its layer, closed it takes it away."""
        super().hideEvent(event)
        self._asker.drop()
        QTimer.singleShot(0, self._end_if_closed)

    def closeEvent(self, event: Any) -> None:
        """Leave nothing in the image."""
        self._layer.remove()
        self._asker.close()
        super().closeEvent(event)

    def _end_if_closed(self) -> None:
        with suppress(RuntimeError):  # the window may be gone already
            dock = self.parentWidget()
            if isinstance(dock, QDockWidget) and not dock.toggleViewAction().isChecked():
                self._layer.remove()
