"""The Cohort widget: all images, a folder or a cohort table at once, to compare and to edit."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QFileDialog, QLineEdit, QPushButton

from napari_metaseg.errors import InputError
from napari_metaseg.events import Progress
from napari_metaseg.plugin import facts, layers
from napari_metaseg.plugin.cohort.entries import Entry, FileEntry, LayerEntry
from napari_metaseg.plugin.cohort.export import export
from napari_metaseg.plugin.cohort.load import Loaded, load_folder, load_table
from napari_metaseg.plugin.cohort.opening import open_entry
from napari_metaseg.plugin.cohort.save import SavedBeside, save_images, unsaved_images
from napari_metaseg.plugin.cohort.sheet import CohortSheet
from napari_metaseg.plugin.focus import Links
from napari_metaseg.plugin.widgets import style
from napari_metaseg.plugin.widgets.actions import menu_button
from napari_metaseg.plugin.widgets.cohort_table import CohortModel, CohortTable
from napari_metaseg.plugin.widgets.frame import Panel
from napari_metaseg.plugin.widgets.parts import (
    ProgressRow,
    ReasonButton,
    column,
    eliding_label,
    line,
    row,
)
from napari_metaseg.plugin.words import counted, plain

_LEGEND = "bold: you said so · italic: worked out"
_TABLES = "Cohort tables (*.csv *.parquet)"


class CohortWidget(Panel):
    """A row an image. What is edited in the row of a layer is edited in the layer."""

    title = "Cohort"

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.loaded: Loaded | None = None
        self._links = Links()
        self.model = CohortModel(self._layers_sheet(), self._colours)
        self.table = CohortTable(self.model)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._on_later)
        self._build()
        self._connect_parts()
        self.show_layers()

    def _build(self) -> None:
        self.source_button, menu = menu_button("Show", "What the rows are")
        menu.addAction("The images that are open", self.show_layers)
        menu.addAction("A folder of images …", self._ask_folder)
        menu.addAction("A cohort table …", self._ask_table)
        self.origin = eliding_label("", "section")
        self.export_button = QPushButton("Export …")
        top = row(self.source_button, self.origin, self.export_button, spacing=5)
        top.setStretch(1, 1)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Show only rows with …")
        self.filter.setClearButtonEnabled(True)
        self.filter.setAccessibleName("Filter")
        self.count = eliding_label("", "muted")
        self.undo_button, self.redo_button = QPushButton("Undo"), QPushButton("Redo")
        self.fill_button = QPushButton("Fill down")
        self.fill_button.setToolTip("Repeat the top selected cell in those below it (Ctrl+D)")
        self.progress = ProgressRow()
        self.body.addLayout(top)
        for widget in (self.filter, self.count):
            self.body.addWidget(widget)
        self.body.addWidget(self.table, 1)
        buttons = (self.undo_button, self.redo_button, self.fill_button)
        self.body.addLayout(row(*buttons, 1, spacing=4))
        self.save_button = ReasonButton("Save beside the images", primary=True)
        foot = column(self.progress, self.save_button, spacing=5)
        foot.setContentsMargins(8, 4, 8, 8)
        self.footer.addWidget(line())
        self.footer.addLayout(foot)

    def _connect_parts(self) -> None:
        self.table.refused.connect(self._refuse)
        self.table.written.connect(self._on_written)
        self.table.opened.connect(self.open_row)
        self.filter.textChanged.connect(self._on_filter)
        self.export_button.clicked.connect(self._ask_export)
        self.undo_button.clicked.connect(self.undo)
        self.redo_button.clicked.connect(self.redo)
        self.fill_button.clicked.connect(self.table.fill_down)
        self.save_button.clicked.connect(self.save_beside)
        self.progress.stopped.connect(self.cancel)
        self.focus.layers_changed.connect(self._on_layers)
        self.destroyed.connect(self._links.cut)
        for keys, slot in (("Ctrl+Z", self.undo), ("Ctrl+Shift+Z", self.redo)):
            shortcut = QShortcut(QKeySequence(keys), self.table)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(slot)

    @property
    def sheet(self) -> CohortSheet:
        """The rows as they are shown."""
        return self.model.cohort

    def _layers_sheet(self) -> CohortSheet:
        images = layers.image_layers(self.viewer)
        entries = [LayerEntry(la, lambda: layers.image_layers(self.viewer)) for la in images]
        specs: dict[str, Any] = {}
        for image in images:
            # Of a project that is damaged, the Acquisition widget says what is wrong.
            with suppress(InputError):
                specs |= facts.free_specs(image, facts.project_of(image))
        return CohortSheet(entries, specs, self.workspace.history)

    def _colours(self) -> dict[str, str]:
        return style.colours(self.viewer.theme)

    def show_layers(self) -> None:
        """Show the images that are open."""
        self.loaded = None
        self._show(self._layers_sheet(), "Open images")
        self._say_hint()

    def _say_hint(self) -> None:
        if self.sheet.row_count:
            self.say("Type into a cell; select several to fill them all at once.")
        else:
            self.say("Open images, or show a folder or a cohort table.")

    def _show(self, sheet: CohortSheet, origin: str) -> None:
        self.origin.setText(origin)
        self.origin.setToolTip(origin)
        self.filter.clear()
        self.model.show_cohort(sheet)
        self.table.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.table.fit()
        self._watch_layers()
        self.refresh()

    def _watch_layers(self) -> None:
        self._links.cut()
        if self.loaded is None:
            for image in layers.image_layers(self.viewer):
                for name in ("metadata", "scale", "name"):
                    self._links.connect(getattr(image.events, name), self._on_layer_event)

    def _on_layer_event(self, event: object = None) -> None:
        self._later.start(0)

    def _on_later(self) -> None:
        self.model.changed()
        self.refresh()

    def _on_layers(self) -> None:
        if self.loaded is None:
            self._show(self._layers_sheet(), "Open images")
            self._say_hint()

    def refresh(self) -> None:
        """Bring counts and buttons in line with the rows."""
        shown, every = self.sheet.row_count, len(self.sheet.entries)
        rows = counted(every, "row") if shown == every else f"{shown} of {every} rows"
        self.count.setText(f"{rows} · {_LEGEND}")
        self.count.setToolTip(self.count.text())
        history = self.workspace.history
        self.undo_button.setEnabled(history.can_undo)
        self.redo_button.setEnabled(history.can_redo)
        self.undo_button.setToolTip("Ctrl+Z" if history.can_undo else "No edit to take back")
        self.redo_button.setToolTip("Ctrl+Shift+Z" if history.can_redo else "Nothing was undone")
        self.export_button.setEnabled(every > 0)
        self.export_button.setToolTip("Save as CSV or parquet" if every else "There are no rows")
        self._show_saving()

    def _show_saving(self) -> None:
        files = any(isinstance(e, (FileEntry, LayerEntry)) for e in self.sheet.entries)
        self.save_button.setVisible(files)
        count = len(unsaved_images(self.sheet.entries))
        self.save_button.button.setText(
            f"Save beside {counted(count, 'image')}" if count else "Save beside the images"
        )
        busy = "Wait for the work under way, or cancel it." if self.busy else ""
        self.save_button.block(busy or ("" if count else "Nothing to save: there is no new edit"))

    def _refuse(self, text: str) -> None:
        self.say(plain(text), "warn")

    def _on_written(self, count: int) -> None:
        self._on_later()
        self.say(f"Noted {counted(count, 'value')}. The files are not changed.", "good")

    def _on_filter(self, text: str) -> None:
        self.model.filter(text)
        self.refresh()

    def undo(self) -> None:
        """Take back the last edit, wherever it was made."""
        self._stepped(self.workspace.history.undo(), "Undone")

    def redo(self) -> None:
        """Make the last undone edit again."""
        self._stepped(self.workspace.history.redo(), "Done again")

    def _stepped(self, changed: list[Any], what: str) -> None:
        self._on_later()
        if changed:
            self.say(f"{what}, in {counted(len(changed), 'image')}.", "good")

    def _ask_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Choose a folder of images")
        if chosen:
            self.load(Path(chosen))

    def _ask_table(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Choose a cohort table", "", _TABLES)
        if chosen:
            self.load(Path(chosen))

    def load(self, path: Path) -> None:
        """Read a folder or a cohort table in the background and show it."""
        if self.busy:
            self.say("Wait for the work under way, or cancel it.", "warn")
            return
        self._begin(f"Reading {path.name} …", load_folder if path.is_dir() else load_table, path)

    def _begin(self, words: str, work: Any, *arguments: Any) -> None:
        self.progress.begin(words)
        self.say(words, "busy")
        self.run_job(partial(work, *arguments))
        self.refresh()

    def on_event(self, event: object) -> None:
        """How far the job is."""
        if isinstance(event, Progress):
            self.progress.update_progress(
                event.done, event.total, event.message, event.seconds_left
            )

    def on_result(self, result: object) -> None:
        """What was read or saved."""
        if isinstance(result, Loaded):
            self._show_loaded(result)
        elif isinstance(result, SavedBeside):
            for image in result.images:
                image.done()
            self.say(result.words, "warn" if result.problems else "good")

    def _show_loaded(self, loaded: Loaded) -> None:
        self.loaded = loaded
        sheet = CohortSheet(loaded.entries, loaded.specs, self.workspace.history)
        self._show(sheet, loaded.origin.name)
        self.origin.setToolTip(str(loaded.origin))
        words = counted(len(loaded.entries), "row")
        if loaded.problems:
            notes = counted(len(loaded.problems), "note")
            self.say(f"{words}, and {notes}, the first: {loaded.problems[0]}", "warn")
        else:
            self.say(f"{words}. Double-click a name to look at the image.", "good")

    def on_finished(self, outcome: str) -> None:
        """The job is over."""
        self.progress.end()
        if outcome == "stopped":
            self.say("Stopped.", "warn")
        self._on_later()

    def open_row(self, at: int) -> None:
        """Look at the image of a row: select its layer, or open it."""
        entry: Entry = self.sheet.entry(at)
        try:
            layer = open_entry(self.viewer, entry)
        except InputError as error:
            self.say(str(error), "bad")
            return
        self.say(f"{layer.name} is selected.", "good")

    def _ask_export(self) -> None:
        kinds = "CSV (*.csv);;Parquet (*.parquet)"
        chosen, _ = QFileDialog.getSaveFileName(self, "Export", "cohort.csv", kinds)
        if chosen:
            self.export(Path(chosen))

    def export(self, path: Path) -> None:
        """Write the shown rows as CSV or parquet."""
        try:
            count = export(self.sheet, path)
        except InputError as error:
            self.say(str(error), "bad")
            return
        left = self.sheet.row_count - count
        without = f" {counted(left, 'row')} without a file left out." if left else ""
        self.say(f"Saved {counted(count, 'row')} in {path.name}.{without}", "good")

    def save_beside(self) -> None:
        """Write what was stated of each image beside it."""
        images = unsaved_images(self.sheet.entries)
        if images and not self.busy:
            self._begin("Saving …", save_images, images)
