"""The Score widget: segmentations against annotations, per domain, the worst first."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Image, Labels
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QPushButton

from napari_metaseg.acquisition.fields import CONDITION_FIELDS
from napari_metaseg.errors import InputError
from napari_metaseg.events import Progress
from napari_metaseg.files import atomic_path
from napari_metaseg.plugin import layers, outputs, scoring
from napari_metaseg.plugin.cutting import Part
from napari_metaseg.plugin.focus import Links
from napari_metaseg.plugin.scoring import ErrorPlane, Match, ScoredPlane, Scores
from napari_metaseg.plugin.widgets.frame import Panel
from napari_metaseg.plugin.widgets.parts import ProgressRow, ReasonButton, column, combo, label, row
from napari_metaseg.plugin.widgets.score_table import ScoreTable
from napari_metaseg.plugin.widgets.source_chooser import KIND_TIP, KINDS

_EVERY, _OWN = "every segmentation", "its own annotation"
_RESCORE_AFTER_MS = 400


class ScoreWidget(Panel):
    """Holds predicted labels against annotated ones; follows while you paint."""

    title = "Score"

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
        self._build_choices()
        self.score_button = ReasonButton("Score", primary=True)
        self.follow = QCheckBox("Follow while I paint")
        self.follow.setChecked(True)
        self.progress = ProgressRow()
        self.table = ScoreTable()
        self.note = label("", "muted", wrap=True)
        self.errors = QCheckBox("Show errors")
        self.errors.setToolTip("Outline objects that were missed or invented, in a layer per image")
        self.csv_button, self.report_button = QPushButton("Save CSV …"), QPushButton("Report …")
        for widget in (self.score_button, self.follow, self.progress, self.table, self.note):
            self.body.addWidget(widget)
        legend = label("blue: missed objects, yellow: invented ones", "muted", wrap=True)
        self.body.addLayout(column(self.errors, legend, spacing=1))
        self.body.addLayout(row(self.csv_button, self.report_button))
        self.body.addStretch(1)

    def _build_choices(self) -> None:
        self.predicted, self.truth, self.kind, self.by = combo(), combo(), combo(), combo()
        for value, words in KINDS.items():
            self.kind.addItem(words, value)
        self.kind.setToolTip(KIND_TIP)
        self.by.addItem("modality, magnification", scoring.MAIN_FIELDS)
        for name, spec in CONDITION_FIELDS.items():
            self.by.addItem(spec.label.lower(), (name,))
        choices = {
            "Score": self.predicted,
            "Against": self.truth,
            "Labels are": self.kind,
            "Domains by": self.by,
        }
        for title, box in choices.items():
            name = label(title)
            name.setFixedWidth(84)
            line = row(name, box)
            line.setStretch(1, 1)
            self.body.addLayout(line)

    def _connect_parts(self) -> None:
        self.score_button.clicked.connect(self.score)
        self.progress.stopped.connect(self.cancel)
        self.table.chosen.connect(self.show_worst)
        self.errors.toggled.connect(self.show_errors)
        self.csv_button.clicked.connect(self._choose_csv)
        self.report_button.clicked.connect(self._choose_report)
        self.predicted.activated.connect(self._show_buttons)
        self.truth.activated.connect(self._show_buttons)
        self.by.activated.connect(self._on_by)
        self.focus.layers_changed.connect(self.refresh)
        self.workspace.predictions_changed.connect(self._on_painted)

    def refresh(self) -> None:
        """Offer the labels layers that there are now, keeping the choice."""
        names = [la.name for la in self._offered()]
        for box, first in ((self.predicted, _EVERY), (self.truth, _OWN)):
            kept = box.currentText()
            box.clear()
            box.addItems([first, *names])
            box.setCurrentIndex(max(0, box.findText(kept)))
        self._show_buttons()

    def _offered(self) -> list[Labels]:
        every = layers.labels_layers(self.viewer)
        return [la for la in every if layers.info(la).get("role") != "errors"]

    def _show_buttons(self, index: int = 0) -> None:
        self.score_button.block(self._why_not())
        none = "" if self.scores else "Score first."
        for button in (self.csv_button, self.report_button, self.errors):
            button.setEnabled(not none)
            button.setToolTip(none)

    def _why_not(self) -> str:
        if self.busy and self.scores is None:
            return "Wait for the work under way."
        if not self.matches():
            return "Needs an image with both a segmentation and an annotation."
        return ""

    def matches(self) -> list[Match]:
        """What would be compared now."""
        predicted, truth = self._chosen(self.predicted), self._chosen(self.truth)
        if predicted is None:
            found = scoring.find_matches(self.viewer)
            return found if truth is None else self._against(found, truth)
        image = layers.image_of(predicted, self.viewer) or self.focus.image
        if image is None:
            return []
        truth = truth or scoring.annotation_of(self.viewer, image)
        return [] if truth is None else [Match(image, predicted, truth)]

    def _against(self, found: list[Match], truth: Labels) -> list[Match]:
        image = layers.image_of(truth, self.viewer)
        return [Match(m.image, m.predicted, truth) for m in found if m.image is image]

    def _chosen(self, box: QComboBox) -> Labels | None:
        every, index = self._offered(), box.currentIndex() - 1
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
        self._planes, self._by = planes, tuple(self.by.currentData())
        self.run_job(partial(scoring.score, planes, self._by))
        self._show_buttons()

    def _follow(self, matches: list[Match]) -> None:
        """Score anew when one of the compared layers is painted in."""
        self._paint_links.cut()
        for match in matches:
            for layer in (match.predicted, match.truth):
                self._paint_links.connect(layer.events.paint, self._on_painted)

    def _on_painted(self, event: object = None) -> None:
        if self.follow.isChecked() and self.scores is not None:
            self._timer.start()

    def _on_by(self, index: int) -> None:
        if self.scores is not None:
            self._rescore()

    def _rescore(self) -> None:
        if self.busy:
            self._timer.start()
        elif self.matches():
            self.score()

    def on_event(self, event: object) -> None:
        """Show progress of a first comparison; later ones are quick and follow by themselves."""
        if isinstance(event, Progress) and self.scores is None:
            self.progress.setVisible(True)
            self.progress.update_progress(event.done, event.total, event.message, None)

    def on_result(self, result: object) -> None:
        """Show the scores, or say where the report is."""
        if isinstance(result, Path):
            self.say(f"Report written: {result}", "good")
        elif isinstance(result, Scores):
            self._show_scores(result)

    def _show_scores(self, scores: Scores) -> None:
        self.scores = scores
        self.table.show_scores(scores)
        report = scores.report
        macro = report.macro["dice"]
        words = "none could be given" if macro is None else f"{macro:.2f}"
        count = len(report.domains)
        self.say(f"Mean Dice over {count} domain{'s' if count != 1 else ''}: {words}.", "good")
        self.note.setText("Worst first. Click a line to see its worst plane.")
        if self.errors.isChecked():
            self.show_errors(True)

    def on_finished(self, outcome: str) -> None:
        """Make the widget usable again."""
        self.progress.end()
        self._show_buttons()

    def show_errors(self, shown: bool) -> None:
        """Outline missed and invented objects of every scored plane, or take that away."""
        if not shown or self.scores is None:
            outputs.remove_errors(self.viewer)
            return
        active = self.viewer.layers.selection.active
        for wrong in self.scores.planes.values():
            if wrong.image in self.viewer.layers:
                layer = outputs.errors_layer(self.viewer, wrong.image)
                outputs.write_part(layer, Part(wrong.plane), wrong.errors)
        self.viewer.layers.selection.active = active

    def show_worst(self, at: int) -> None:
        """Select the image of a domain's worst plane and move the sliders to it."""
        if self.scores is None:
            return
        report = self.scores.report
        images = report.images_of(report.domains[at])
        worst = min(images, key=lambda i: 1.0 if i.dice is None else i.dice)
        place = self.scores.planes[worst.image]
        if place.image not in self.viewer.layers:
            self.say(f"{worst.image} is no longer open.", "warn")
            return
        self._look_at(place)
        self.say(f"{worst.image}: Dice {worst.dice or 0:.2f}, the worst of this domain.")

    def _look_at(self, place: ErrorPlane) -> None:
        place.image.visible = True
        self.viewer.layers.selection.active = place.image
        layers.show_plane(place.image, self.viewer, place.plane)
        _centre_camera(self.viewer, place.image)

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


def _centre_camera(viewer: Any, image: Image) -> None:
    """Fit one image into the canvas, as it may be one of many lying side by side."""
    low, high = image.extent.world[:, -2:]
    viewer.camera.center = (viewer.camera.center[0], *((low + high) / 2))
    height, width = viewer.canvas.size
    extent = high - low
    if (extent > 0).all():
        viewer.camera.zoom = 0.9 * min(height / extent[0], width / extent[1])
