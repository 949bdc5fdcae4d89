"""The Score widget: segmentations against annotations, per domain, the worst first."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Image, Labels
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QPushButton

from napari_metaseg.acquisition.condition import CONDITION_FIELDS
from napari_metaseg.errors import InputError
from napari_metaseg.events import Progress
from napari_metaseg.files import atomic_path
from napari_metaseg.plugin import layers, scoring
from napari_metaseg.plugin.focus import Links
from napari_metaseg.plugin.scoring import Match, ScoredPlane, Scores
from napari_metaseg.plugin.widgets.frame import Panel
from napari_metaseg.plugin.widgets.parts import ProgressRow, ReasonButton, label, row
from napari_metaseg.plugin.widgets.score_table import ScoreTable
from napari_metaseg.plugin.widgets.source_chooser import KINDS

_EVERY, _OWN = "every segmentation", "its own annotation"
_RESCORE_AFTER_MS = 400


class ScoreWidget(Panel):
    """Holds predicted labels against annotated ones; follows while you paint."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.scores: Scores | None = None
        self._planes: list[ScoredPlane] = []
        self._by: tuple[str, ...] = scoring.MAIN_FIELDS
        self._paint_links = Links()
        self.destroyed.connect(self._paint_links.cut)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_RESCORE_AFTER_MS)
        self._timer.timeout.connect(self._rescore)
        self._build()
        self._connect_parts()
        self.refresh()
        self.say("Compares what was segmented with what you annotated.")

    def _build(self) -> None:
        self.predicted, self.truth, self.kind = QComboBox(), QComboBox(), QComboBox()
        for value, words in KINDS.items():
            self.kind.addItem(words, value)
        for title, box in (
            ("Score", self.predicted),
            ("against", self.truth),
            ("Labels are", self.kind),
        ):
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            name = label(title)
            name.setMinimumWidth(66)
            line = row(name, box)
            line.setStretch(1, 1)
            self.body.addLayout(line)
        self.score_button = ReasonButton("Score", primary=True)
        self.follow = QCheckBox("Follow while I paint")
        self.follow.setChecked(True)
        self.progress = ProgressRow()
        self.table = ScoreTable()
        self.note = label("", "muted", wrap=True)
        self.csv_button, self.report_button = QPushButton("Save CSV …"), QPushButton("Report …")
        for widget in (self.score_button, self.follow, self.progress, self.table, self.note):
            self.body.addWidget(widget)
        self.body.addLayout(row(self.csv_button, self.report_button))
        self.body.addStretch(1)

    def _connect_parts(self) -> None:
        self.score_button.clicked.connect(self.score)
        self.progress.stopped.connect(self.cancel)
        self.table.chosen.connect(self.show_worst)
        self.csv_button.clicked.connect(self._choose_csv)
        self.report_button.clicked.connect(self._choose_report)
        self.predicted.activated.connect(self._show_buttons)
        self.truth.activated.connect(self._show_buttons)
        self.focus.layers_changed.connect(self.refresh)
        self.workspace.predictions_changed.connect(self._on_painted)

    def refresh(self) -> None:
        """Offer the labels layers that there are now, keeping the choice."""
        every = layers.labels_layers(self.viewer)
        for box, first in ((self.predicted, _EVERY), (self.truth, _OWN)):
            kept = box.currentText()
            box.clear()
            box.addItems([first, *(la.name for la in every)])
            box.setCurrentIndex(max(0, box.findText(kept)))
        self._show_buttons()

    def _show_buttons(self, index: int = 0) -> None:
        self.score_button.block(self._why_not())
        none = "" if self.scores else "Score first."
        for button in (self.csv_button, self.report_button):
            button.setEnabled(not none and not self.busy)
            button.setToolTip(none)

    def _why_not(self) -> str:
        if self.busy:
            return "Wait for the work under way."
        if not self.matches():
            return "Needs an image with both a segmentation and an annotation."
        return ""

    def matches(self) -> list[Match]:
        """What would be compared now."""
        every = layers.labels_layers(self.viewer)
        predicted = self._layer(self.predicted, every)
        truth = self._layer(self.truth, every)
        if predicted is None and truth is None:
            return scoring.find_matches(self.viewer)
        if predicted is None:
            found = scoring.find_matches(self.viewer)
            return [Match(m.image, m.predicted, truth) for m in found if self._fits(m, truth)]
        image = self._image_for(predicted)
        truth = truth or (scoring.annotation_of(self.viewer, image) if image else None)
        return [Match(image, predicted, truth)] if image and truth else []

    def _fits(self, match: Match, truth: Labels | None) -> bool:
        return truth is not None and layers.image_of(truth, self.viewer) is match.image

    def _image_for(self, predicted: Labels) -> Image | None:
        return layers.image_of(predicted, self.viewer) or self.focus.image

    def _layer(self, box: QComboBox, every: list[Labels]) -> Labels | None:
        index = box.currentIndex() - 1
        return every[index] if 0 <= index < len(every) else None

    def score(self) -> None:
        """Score what is chosen, in the background."""
        if self.busy:
            return
        matches, kind = self.matches(), self.kind.currentData()
        try:
            planes = [p for m in matches for p in scoring.scored_planes(m, kind, self.viewer)]
        except InputError as error:
            self.say(str(error), "bad")
            return
        if not planes:
            self.say("None of the segmented planes is annotated yet.", "warn")
            return
        self._follow(matches)
        self._planes, self._by = planes, self._domain_fields()
        self.run_job(partial(scoring.score, planes, self._by))
        self._show_buttons()

    def _domain_fields(self) -> tuple[str, ...]:
        """The fields that make a domain: the model's own, else the usual two."""
        model = self.workspace.current
        own = model.package.manifest.metadata_schema.names if model is not None else ()
        return tuple(own) or scoring.MAIN_FIELDS

    def _follow(self, matches: list[Match]) -> None:
        """Score anew when one of the compared layers is painted in."""
        self._paint_links.cut()
        for match in matches:
            for layer in (match.predicted, match.truth):
                self._paint_links.connect(layer.events.paint, self._on_painted)

    def _on_painted(self, event: object = None) -> None:
        if self.follow.isChecked() and self.scores is not None:
            self._timer.start()

    def _rescore(self) -> None:
        if self.busy:
            self._timer.start()
        elif self.matches():
            self.score()

    def on_event(self, event: object) -> None:
        """Show progress of a comparison that takes long."""
        if isinstance(event, Progress) and event.total > 1 and self.scores is None:
            self.progress.setVisible(True)
            self.progress.update_progress(event.done, event.total, event.message, None)

    def on_result(self, result: object) -> None:
        """Show the scores, or say where the report is."""
        if isinstance(result, Path):
            self.say(f"Report written: {result}", "good")
            return
        if not isinstance(result, Scores):
            return
        self.scores = result
        self.table.show_scores(result)
        macro = result.report.macro["dice"]
        words = "–" if macro is None else f"{macro:.2f}"
        self.say(f"Mean Dice over {len(result.report.domains)} domain(s): {words}.", "good")
        by = ", ".join(_field(name) for name in self._by)
        self.note.setText(f"Domains by {by}. Click a line to see its worst plane.")

    def on_finished(self, outcome: str) -> None:
        """Make the widget usable again."""
        self.progress.end()
        self._show_buttons()

    def show_worst(self, at: int) -> None:
        """Select the image of a domain's worst plane and move the sliders to it."""
        if self.scores is None:
            return
        report = self.scores.report
        images = [i for i in report.images_of(report.domains[at]) if i.image in self.scores.places]
        if not images:
            return
        worst = min(images, key=lambda i: 1.0 if i.dice is None else i.dice)
        image, plane = self.scores.places[worst.image]
        if image not in self.viewer.layers:
            self.say(f"{image.name} is no longer open.", "warn")
            return
        self._look_at(image, plane)
        self.say(f"{worst.image}: Dice {worst.dice or 0:.2f}, the worst of this domain.")

    def _look_at(self, image: Image, plane: layers.PlaneIndex) -> None:
        image.visible = True
        self.viewer.layers.selection.active = image
        layers.show_plane(image, self.viewer, plane)
        low, high = image.extent.world[:, -2:]
        self.viewer.camera.center = tuple((low + high) / 2)

    def save_csv(self, path: Path) -> None:
        """Write the table of domains."""
        from napari_metaseg.evaluation.report import report_csv

        if self.scores is None:
            return
        try:
            with atomic_path(path) as temporary:
                temporary.write_bytes(report_csv(self.scores.report))
        except (InputError, OSError) as error:
            self.say(str(error), "bad")
        else:
            self.say(f"Saved {path}", "good")

    def write_report(self, folder: Path) -> None:
        """Write the whole report with its pictures, in the background."""
        if self.scores is None or self.busy:
            return
        self.say("Writing the report …", "busy")
        self.run_job(partial(scoring.report_folder, self.scores, self._planes, self._by, folder))
        self._show_buttons()

    def _choose_csv(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, "Save scores", "scores.csv", "CSV (*.csv)")
        if chosen:
            self.save_csv(Path(chosen))

    def _choose_report(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Choose a folder for the report")
        if chosen:
            self.write_report(Path(chosen))


def _field(name: str) -> str:
    return CONDITION_FIELDS[name].label.lower() if name in CONDITION_FIELDS else name
