"""The Train widget: annotated images to a model, with its curve, its time left, and its stop."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLineEdit, QWidget

from napari_metaseg.conditioning.methods import METHODS, MethodInfo
from napari_metaseg.errors import InputError
from napari_metaseg.events import CurvePoint, Notice, Preview, Progress
from napari_metaseg.packages.strategies import StrategyInfo
from napari_metaseg.plugin import known, layers
from napari_metaseg.plugin.ahead import load_ahead
from napari_metaseg.plugin.annotate import add_annotation
from napari_metaseg.plugin.learning import (
    Trained,
    annotated_planes,
    free_name,
    make_request,
    train_on_cohort,
    train_on_planes,
    varying_fields,
)
from napari_metaseg.plugin.segmenting import DeviceFound
from napari_metaseg.plugin.settings import preferences, remember
from napari_metaseg.plugin.widgets.curve import Curve
from napari_metaseg.plugin.widgets.frame import Panel
from napari_metaseg.plugin.widgets.parts import (
    ProgressRow,
    ReasonButton,
    Section,
    card,
    label,
    row,
)
from napari_metaseg.plugin.widgets.preview_choice import PreviewChoice
from napari_metaseg.plugin.widgets.source_chooser import SourceChooser
from napari_metaseg.plugin.widgets.training_options import RECOMMENDED, RECOMMENDED_STRATEGY
from napari_metaseg.plugin.widgets.training_settings import AdvancedSettings
from napari_metaseg.plugin.words import field_word, plain


class TrainWidget(Panel):
    """Trains a model on layers or a cohort; the finished model is ready in Segment."""

    title = "Train"

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self._notices: list[str] = []
        self._ready = False
        self.model_folder = preferences().model_folder
        self._build()
        self.source.changed.connect(self.refresh)
        self.source.annotate.connect(self.annotate)
        self.train_button.clicked.connect(self.train)
        self.progress.stopped.connect(self.cancel)
        self.focus.layers_changed.connect(self.source.pairs.refresh)
        self.focus.record_changed.connect(self._show_method)
        self.advanced.changed.connect(self._show_method)
        self.focus.layer_changed.connect(self.refresh)
        self.refresh()
        self.say("Tick images that have labels, then train.")

    def _build(self) -> None:
        self.source = SourceChooser(self.viewer, self.workspace)
        self.model_name = QLineEdit(free_name(self.model_folder, "my model"))
        self.finds = QLineEdit()
        self.finds.setPlaceholderText("for instance nuclei")
        self.finds.setToolTip("What the labelled objects are; several classes with commas between")
        self.minutes = QDoubleSpinBox()
        self.minutes.setRange(0.1, 100_000)
        self.minutes.setDecimals(1)
        self.minutes.setSuffix(" min")
        self.minutes.setValue(preferences().minutes)
        self.preview = PreviewChoice(self.viewer, self.focus)
        self.advanced = AdvancedSettings()
        self.train_button = ReasonButton("Train", primary=True)
        self.progress = ProgressRow("Stop, keep best")
        self.curve = Curve(self.viewer.theme)
        self._sees = label("", "muted", wrap=True)
        self._method = label("", "section", wrap=True)
        self._sentence = label("", "muted", wrap=True)
        self._method_card = card(self._method, self._sentence, self._sees)
        for widget in (self.progress, self.curve, self.source):
            self.body.addWidget(widget)
        self.body.addWidget(self._method_card)
        for title, editor in (
            ("It finds", self.finds),
            ("Call it", self.model_name),
            ("Train for", self.minutes),
            ("Preview on", self.preview),
        ):
            self.body.addLayout(_named(title, editor))
        self.body.addWidget(Section("Advanced", self.advanced))
        self.body.addWidget(self.train_button)
        self.body.addStretch(1)

    def showEvent(self, event: QShowEvent) -> None:
        """Get ready for the click once the widget is seen."""
        super().showEvent(event)
        if not self._ready:
            self._ready = True
            self.workspace.run(load_ahead)

    def annotate(self) -> None:
        """Add an annotation layer to the image in focus."""
        try:
            made = add_annotation(self.viewer, self.focus.image)
        except InputError as error:
            self.say(str(error), "bad")
            return
        self.say(f"Paint the objects in '{made.name}', then train.")

    def refresh(self) -> None:
        """Bring the button and the sentence on metadata in line with what is chosen."""
        reason = "Training is under way." if self.busy else self.source.problem()
        self.train_button.block(reason)
        self.source.setEnabled(not self.busy)
        self.preview.setEnabled(not self.busy)
        self.advanced.setEnabled(not self.busy)
        kind = "instances" if self.source.uses_cohort else self.source.label_kind
        self.advanced.show_labels(kind)
        self._show_method()

    def _show_method(self) -> None:
        """Say which strategy and method will be used, and which metadata matter."""
        name, strategy = self.advanced.method, self.advanced.strategy
        method = METHODS[name]
        chosen = name != RECOMMENDED or strategy.name != RECOMMENDED_STRATEGY
        which = "You chose" if chosen else "Recommended"
        told: list[MethodInfo | StrategyInfo] = (
            [method] if strategy.name == "conditioned" else [strategy]
        )
        if strategy.sees_metadata and told != [method]:
            told.append(method)
        self._method.setText(f"{which}: {', '.join(one.label for one in told)}")
        self._sentence.setText(" ".join(one.sentence for one in told))
        self._sees.setText(self._use_words(strategy, method.reads_metadata))

    def _use_words(self, strategy: StrategyInfo, method_reads: bool) -> str:
        """What metadata are used for, as far as that can be told before the training."""
        if strategy.sees_metadata and method_reads:
            return self._metadata_words()
        if strategy.per_domain:
            words = self._metadata_words().replace("It sees", "Domains differ by", 1)
            return words.replace(", so it looks at the image alone", ": there are no domains")
        if strategy.canonical:
            return "It sees no metadata but the scale: pixel size, or else magnification."
        return "It looks at the image alone."

    def _metadata_words(self) -> str:
        ticked = ", ".join(field_word(name) for name in self.advanced.fields.fields)
        if ticked:
            return f"It sees what you ticked: {ticked}."
        if self.source.uses_cohort:
            return "It sees whatever metadata differs between the table's images."
        pairs = self.source.pairs.pairs
        every = [(p.image, plane) for p in pairs for plane in layers.planes(p.image)]
        names = varying_fields([known.condition_of(image, plane) for image, plane in every])
        words = ", ".join(field_word(n) for n in names)
        if not words:
            return "Nothing known differs between these images, so it looks at the image alone."
        return f"It sees what differs between your images: {words}."

    def train(self) -> None:
        """Check everything, then train in the background."""
        if self.busy:
            return
        try:
            work = self._work()
        except InputError as error:
            self.say(str(error), "bad")
            return
        remember(minutes=self.minutes.value())
        self.curve.clear()
        self._notices = []
        self.progress.begin("starting")
        self.say("Training …", "busy")
        self.run_job(partial(work, preview=self.preview.begin()))
        self.refresh()

    def _work(self) -> partial[Any]:
        """The checked, frozen job: from here on no widget is read."""
        name = self.model_name.text().strip()
        if not name or name in (".", "..") or "/" in name or "\\" in name:
            raise InputError("the model needs a name", got=name or "nothing")
        stored = preferences()
        settings = self.advanced.values(self.minutes.value())
        classes = {"class_names": self._class_names()}
        request = make_request(settings | classes | {"name": name, "device": stored.device})
        out = self.model_folder / name
        if self.source.uses_cohort:
            return partial(train_on_cohort, request, self._cohort(), out)
        kind = self.source.label_kind
        planes = [p for pair in self.source.pairs.pairs for p in annotated_planes(pair, kind)]
        if not any(plane.labels.any() for plane in planes):
            raise InputError(
                "the labels are empty", way_out="Paint at least a few objects, then train"
            )
        return partial(train_on_planes, request, planes, out)

    def _class_names(self) -> tuple[str, ...]:
        names = (name.strip() for name in self.finds.text().split(","))
        return tuple(name for name in names if name)

    def _cohort(self) -> Path:
        path = self.workspace.cohort
        if path is None:
            raise InputError("no cohort table is chosen", way_out="Choose one above")
        return path

    def on_event(self, event: object) -> None:
        """Show progress, curve, preview, device and notices."""
        if isinstance(event, Progress):
            self._show_progress(event)
        elif isinstance(event, CurvePoint):
            self.curve.add(event)
        elif isinstance(event, Preview):
            self._show_preview(event)
        elif isinstance(event, DeviceFound):
            self.workspace.device = event.words
        elif isinstance(event, Notice):
            self._note(event)

    def _show_preview(self, event: Preview) -> None:
        score = self.curve.scored[-1].score if self.curve.scored else None
        words = self.preview.show_mask(event, score)
        if words:
            self.say(words, "busy")

    def _note(self, notice: Notice) -> None:
        text = plain(notice.text)
        if notice.concerns:
            self._notices.append(text)
        self.say(text, "warn" if notice.concerns else "info")

    def _show_progress(self, event: Progress) -> None:
        words = event.message if event.message != "training" else f"step {event.done}"
        if words.startswith("training "):
            words = f"step {event.done}, {words.removeprefix('training ')}"
        self.progress.update_progress(event.done, event.total, words, event.seconds_left)

    def on_result(self, result: object) -> None:
        """Hand the model to Segment."""
        if not isinstance(result, Trained):
            return
        self.workspace.add_model(result.model)
        done = "Done" if result.finished else "Stopped; the best so far is kept"
        score = ""
        if result.best_score is not None:
            score = f" Dice {result.best_score:.2f} on images kept aside."
        mind = " ".join(self._notices)
        words = f"{done}.{score} '{result.model.name}' is now in use in Segment. {mind}".strip()
        self.say(words, "warn" if mind else "good")

    def on_finished(self, outcome: str) -> None:
        """Make the widget usable again, ready for another model."""
        self.progress.end()
        self.preview.end()
        if outcome == "stopped":
            self.say("Stopped before there was anything to keep.")
        if outcome == "done":
            self.model_name.setText(free_name(self.model_folder, "my model"))
        self.refresh()

    def _on_theme(self, event: object = None) -> None:
        super()._on_theme(event)
        self.curve.chart.theme = self.viewer.theme
        self.curve.chart.update()


def _named(title: str, editor: QWidget) -> QHBoxLayout:
    """An editor with its title before it, aligned with its neighbours."""
    name = label(title)
    name.setFixedWidth(72)
    line = row(name, editor)
    line.setStretch(1, 1)
    return line
