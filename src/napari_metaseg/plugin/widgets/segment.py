"""The Segment widget: choose a model, see whether it fits the image, segment, adjust the cut."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Image

from napari_metaseg.events import Notice, Progress
from napari_metaseg.plugin import layers, outputs
from napari_metaseg.plugin.cutting import Part
from napari_metaseg.plugin.previewing import remove_previews
from napari_metaseg.plugin.regions import MOST_PX, is_whole, size_words, visible_region
from napari_metaseg.plugin.segmenting import (
    DeviceFound,
    PlaneDone,
    PlaneTask,
    Segmenter,
    load_model,
    plane_task,
    view_task,
)
from napari_metaseg.plugin.settings import preferences
from napari_metaseg.plugin.widgets.frame import Panel
from napari_metaseg.plugin.widgets.model_card import ModelCard
from napari_metaseg.plugin.widgets.model_chooser import ModelChooser
from napari_metaseg.plugin.widgets.parts import ProgressRow, ReasonButton, label, relook, row
from napari_metaseg.plugin.widgets.refine import Refine
from napari_metaseg.plugin.words import counted, plain
from napari_metaseg.plugin.workspace import LoadedModel

LARGE_PX = 2048
"""The side of a square plane from which on the view is offered first."""
_VIEW_TIP = (
    f"Only what the window shows, at most {MOST_PX} × {MOST_PX} px: it answers at once.\n"
    "Other parts keep what they hold; objects at its edge are cut."
)


class SegmentWidget(Panel):
    """Predicts the image in focus with the model in use, onto a labels and a probability layer."""

    title = "Segment"

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self._segmenter: Segmenter | None = None
        self._rounding = ""
        self._build()
        self._connect_parts()
        self._on_models()

    def _build(self) -> None:
        self.chooser = ModelChooser(self.workspace)
        self.card = ModelCard()
        self.this_button = ReasonButton("Segment this image", primary=True)
        self.view_button = ReasonButton("Segment this view", tip=_VIEW_TIP)
        self.planes_button = ReasonButton("All planes")
        self.images_button = ReasonButton("All images")
        self.progress = ProgressRow()
        self.refine = Refine(self.focus, self.workspace)
        self.result = label("", wrap=True)
        for widget in (self.chooser, self.card, self.this_button, self.view_button):
            self.body.addWidget(widget)
        self.body.addLayout(row(self.planes_button, self.images_button))
        for widget in (self.progress, self.refine, self.result):
            self.body.addWidget(widget)
        self.body.addStretch(1)

    def _connect_parts(self) -> None:
        self.chooser.load.connect(self.load_model)
        self.this_button.clicked.connect(self.segment_this)
        self.view_button.clicked.connect(self.segment_view)
        self.planes_button.clicked.connect(self.segment_planes)
        self.images_button.clicked.connect(self.segment_images)
        self.progress.stopped.connect(self.cancel)
        self.refine.changed.connect(self._show_result)
        self.workspace.models_changed.connect(self._on_models)
        self.focus.layer_changed.connect(self.refresh)
        self.focus.layers_changed.connect(self.refresh)
        self.focus.plane_changed.connect(self._show_card)
        self.focus.record_changed.connect(self._show_card)

    def load_model(self, path: Path) -> None:
        """Load a package folder or zip in the background and use it."""
        if self.busy:
            self.say("Wait for the work under way, or cancel it, before loading a model.", "warn")
            return
        self._begin(f"Loading {path.name} …", partial(load_model, path))

    def _on_models(self) -> None:
        self._segmenter = None
        self.refresh()
        if not self.busy:
            self._say_hint()

    def _say_hint(self) -> None:
        if self.workspace.current is None:
            self.say("Load a model, or train one with the Train widget.")
        elif self.focus.image is None:
            self.say("Open an image to segment.")
        else:
            self.say("Ready.")

    def refresh(self) -> None:
        """Bring buttons, card and threshold in line with the image and the model."""
        image, reason = self.focus.image, self._why_not()
        stack = image is not None and len(layers.planes(image)) > 1
        self.this_button.button.setText("Segment this plane" if stack else "Segment this image")
        self._offer_view(reason)
        self.planes_button.block(reason, quiet=True)
        self.images_button.block(reason, quiet=True)
        self.planes_button.setVisible(stack)
        self.images_button.setVisible(len(layers.image_layers(self.viewer)) > 1)
        self.refine.refresh(busy=self.busy)
        self._show_card()

    def _offer_view(self, reason: str) -> None:
        """Offer the view of an image that is not predicted at once; of a large one, first."""
        height, width = layers.plane_shape(self.focus.image) if self.focus.image else (0, 0)
        large = height * width > LARGE_PX**2
        buttons = (self.view_button, self.this_button)
        first, second = buttons if large else reversed(buttons)
        for button, look in ((first, "primary"), (second, "")):
            relook(button.button, "look", look)
        first.block(reason)
        second.block(reason, quiet=True)
        self.view_button.setVisible(max(height, width) > MOST_PX)

    def _why_not(self) -> str:
        if self.busy:
            return "Wait for the work under way, or cancel it."
        if self.workspace.current is None:
            return "Load or train a model first."
        if self.focus.image is None:
            return "Open an image first."
        return ""

    def _show_card(self) -> None:
        condition = None if self.focus.image is None else self.focus.condition
        self.card.show_model(self.workspace.current, condition)
        self._show_result()

    def segment_this(self) -> None:
        """Segment the shown plane of the image in focus."""
        if self.focus.image is not None:
            self._segment([plane_task(self.focus.image, self.focus.plane)])

    def segment_view(self) -> None:
        """Segment what the window shows of the image in focus."""
        image = self.focus.image
        if image is None:
            return
        region = visible_region(image)
        whole = is_whole(image, region)
        plane = self.focus.plane
        self._segment([plane_task(image, plane) if whole else view_task(image, plane, region)])

    def segment_planes(self) -> None:
        """Segment every plane of the image in focus."""
        image = self.focus.image
        if image is not None:
            self._segment([plane_task(image, plane) for plane in layers.planes(image)])

    def segment_images(self) -> None:
        """Segment every plane of every image."""
        images = layers.image_layers(self.viewer)
        self._segment([plane_task(i, plane) for i in images for plane in layers.planes(i)])

    def _segment(self, tasks: list[PlaneTask]) -> None:
        model = self.workspace.current
        if model is None or self.busy or not tasks:
            return
        segmenter, refinement = self._ready(model), self.workspace.refinement
        self._begin("Segmenting …", lambda token: segmenter.run(tasks, refinement, token))

    def _ready(self, model: LoadedModel) -> Segmenter:
        """The segmenter of the model in use, as the preferences stand now."""
        stored = preferences()
        kept = self._segmenter
        wanted = (stored.device, stored.gates, stored.precision)
        if kept is None or (kept.device, kept.gates, kept.precision) != wanted:
            self._segmenter = kept = Segmenter(model.package, *wanted)
        return kept

    def _begin(self, words: str, work: Any) -> None:
        self.progress.begin(words)
        self.say(words, "busy")
        self.run_job(work)
        self.refresh()

    def on_event(self, event: object) -> None:
        """Show progress; put a predicted plane into its layers."""
        if isinstance(event, Progress):
            left = event.seconds_left
            self.progress.update_progress(event.done, event.total, event.message, left)
        elif isinstance(event, DeviceFound):
            self.workspace.device, self._rounding = event.words, event.rounding
        elif isinstance(event, Notice):
            self.say(event.text, "busy")
        elif isinstance(event, PlaneDone):
            self._take(event)

    def _take(self, done: PlaneDone) -> None:
        image, model = self._image_of(done.task), self.workspace.current
        if image is None or model is None:
            return
        active = self.viewer.layers.selection.active
        remove_previews(self.viewer, image)
        several, deep = not model.package.manifest.binary, done.prediction.depth is not None
        found = outputs.outputs_for(self.viewer, image, model.name, classes=several, depth=deep)
        outputs.write_prediction(found, Part(done.task.plane, done.task.region), done.prediction)
        self.viewer.layers.selection.active = active if active in self.viewer.layers else image
        self.workspace.predictions_changed.emit()
        self._show_result()

    def _image_of(self, task: PlaneTask) -> Image | None:
        images = layers.image_layers(self.viewer)
        return next((i for i in images if str(i.unique_id) == task.layer_id), None)

    def on_result(self, result: object) -> None:
        """Take a loaded model in, or say what was segmented."""
        if isinstance(result, LoadedModel):
            self.workspace.add_model(result)
            self.say(f"{result.name} is ready.", "good")
            return
        done = f"Segmented ({self._rounding})" if self._rounding else "Segmented"
        if isinstance(result, tuple) and result:
            self.say(f"{done}, but mind: {'; '.join(map(plain, result))}.", "warn")
        else:
            self.say(f"{done}.", "good")

    def on_finished(self, outcome: str) -> None:
        """Make the widget usable again."""
        self.progress.end()
        if outcome == "stopped":
            self.say("Stopped. Planes that were done are kept.")
        self.refresh()

    def _show_result(self) -> None:
        """Count the objects of the shown plane, or of those parts of it that are segmented."""
        image, plane = self.focus.image, self.focus.plane
        found = None if image is None else outputs.find_outputs(self.viewer, image)
        parts = [] if found is None else outputs.parts_done(found.labels)
        self.result.setText(self._found_words(image, [p for p in parts if p.plane == plane]))

    def _found_words(self, image: Image | None, parts: list[Part]) -> str:
        found = None if image is None else outputs.find_outputs(self.viewer, image)
        if image is None or found is None or not parts:
            return ""
        seen = outputs.objects_in(found.labels, parts)
        objects = counted(len(set(seen[seen > 0].tolist())), "object")
        share = f"{float((seen > 0).mean()):.0%}"
        if len(parts) > 1:
            return f"{objects} in the {len(parts)} segmented parts, covering {share} of them."
        if parts[0].region is not None:
            size = size_words(parts[0].region)
            return f"{objects} in the segmented part ({size}), covering {share} of it."
        where = "image" if len(layers.planes(image)) == 1 else "plane"
        return f"{objects}, covering {share} of this {where}."
