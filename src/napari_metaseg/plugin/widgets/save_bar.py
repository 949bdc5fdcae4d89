"""Saving what was stated of an image: beside it, in a copy, or in the file itself."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QFrame, QLineEdit, QPushButton, QWidget

from napari_metaseg.plugin.widgets.actions import menu_button
from napari_metaseg.plugin.widgets.parts import (
    ProgressRow,
    ReasonButton,
    card,
    column,
    eliding_label,
    label,
    line,
    relook,
    row,
)


class SaveBar(QWidget):
    """The foot of the Acquisition widget: what is unsaved, and the three ways to save it.

    It only asks; the panel does. Nothing here opens a modal window by itself.
    """

    save_beside = Signal()
    save_copy = Signal(object)
    """The path to save a copy to."""
    write_into = Signal()
    revert_all = Signal()
    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.state = eliding_label()
        self.save_button = ReasonButton("Save beside the image", primary=True)
        self.more_button, self.more_menu = menu_button("More", "Other ways to save, and revert")
        self.copy_action = self.more_menu.addAction("Save a copy as OME-TIFF …", self._ask_copy)
        self.write_action = self.more_menu.addAction("Write into the file …", self._ask_write)
        self.more_menu.addSeparator()
        self.revert_action = self.more_menu.addAction("Revert all to the file")
        self.path = QLineEdit()
        self.copy_card, self.write_card = self._copy_card(), self._write_card()
        self.progress = ProgressRow()
        content = column(self.copy_card, self.write_card, self.progress, self.state, spacing=5)
        buttons = row(self.save_button, self.more_button)
        buttons.setStretch(0, 1)
        content.addLayout(buttons)
        content.setContentsMargins(8, 4, 8, 8)
        self.setLayout(column(line(), content))
        self.save_button.clicked.connect(self.save_beside)
        self.revert_action.triggered.connect(lambda *_: self.revert_all.emit())
        self.progress.stopped.connect(self.cancelled)

    def _copy_card(self) -> QFrame:
        browse, cancel, save = QPushButton("…"), QPushButton("Cancel"), QPushButton("Save the copy")
        browse.setFixedWidth(30)
        browse.setToolTip("Choose a place")
        browse.setAccessibleName("Choose a place")
        save.setProperty("look", "primary")
        told = label(
            "A copy of the pixels with everything that is known, as OME-TIFF.", "muted", wrap=True
        )
        title = label("Save a copy", "section")
        made = card(title, told, row(self.path, browse), row(1, cancel, save), spacing=5)
        browse.clicked.connect(self._browse)
        cancel.clicked.connect(made.hide)
        save.clicked.connect(self._on_copy)
        self.path.returnPressed.connect(self._on_copy)
        made.hide()
        return made

    def _write_card(self) -> QFrame:
        self._write_text = label("", wrap=True)
        cancel, write = QPushButton("Cancel"), QPushButton("Write into the file")
        title = label("⚠ This changes the original file", "warn")
        made = card(title, self._write_text, row(1, cancel, write), spacing=5)
        cancel.clicked.connect(made.hide)
        write.clicked.connect(self._on_write)
        made.hide()
        return made

    def show_state(self, text: str, *, unsaved: bool, tip: str = "") -> None:
        """Say whether there is anything unsaved."""
        self.state.setText(text)
        self.state.setToolTip(tip or text)
        relook(self.state, "look", "section" if unsaved else "muted")

    def block(self, save: str, copy: str, write: str, revert: str) -> None:
        """Why each way cannot be used, or empty; the tooltips say so."""
        self.save_button.block(save, quiet=True)
        reasons = ((self.copy_action, copy), (self.write_action, write))
        for action, reason in (*reasons, (self.revert_action, revert)):
            action.setEnabled(not reason)
            action.setToolTip(reason or action.text())

    def offer(self, copy_to: Path | None, backup_words: str) -> None:
        """Set the place offered for a copy, and what is said before the file is changed."""
        if not self.copy_card.isVisible():
            self.path.setText("" if copy_to is None else str(copy_to))
        self._write_text.setText(backup_words)

    def fold(self) -> None:
        """Put the questions away."""
        self.copy_card.hide()
        self.write_card.hide()

    def _ask_copy(self) -> None:
        self.write_card.hide()
        self.copy_card.show()
        self.path.setFocus()

    def _ask_write(self) -> None:
        self.copy_card.hide()
        self.write_card.show()

    def _browse(self) -> None:
        kinds = "OME-TIFF (*.ome.tif *.tif)"
        chosen, _ = QFileDialog.getSaveFileName(self, "Save a copy", self.path.text(), kinds)
        if chosen:
            self.path.setText(chosen)

    def _on_copy(self) -> None:
        if self.path.text().strip():
            self.copy_card.hide()
            self.save_copy.emit(Path(self.path.text().strip()).expanduser())

    def _on_write(self) -> None:
        self.write_card.hide()
        self.write_into.emit()
