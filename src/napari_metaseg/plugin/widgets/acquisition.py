"""The Acquisition widget: how the image in focus was taken, where each value is from, edits."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from napari.layers import Layer
from qtpy.QtWidgets import QGridLayout, QMenu, QPushButton, QToolButton

from napari_metaseg.acquisition.conflicts import conflicts
from napari_metaseg.acquisition.fields import CONDITION_FIELDS
from napari_metaseg.acquisition.record import Conflict
from napari_metaseg.errors import InputError
from napari_metaseg.plugin import edits, layers
from napari_metaseg.plugin.widgets.details import Details
from napari_metaseg.plugin.widgets.fields import FieldRow
from napari_metaseg.plugin.widgets.frame import Panel, plane_words
from napari_metaseg.plugin.widgets.parts import Section, card, label, row

IMAGE_ROWS = ("magnification", "pixel_size_um", "modality", "exposure_ms", "immersion")
PLANE_ROWS = ("plane_offset_um", "in_focus", "plane")


class AcquisitionWidget(Panel):
    """Shows and edits what is known of the image in focus and of the plane that is shown."""

    title = "Acquisition"

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.history = edits.History()
        self.rows: dict[str, FieldRow] = {}
        self._plane_title = label("", "section")
        self.body.addWidget(label("Whole image", "section"))
        self.body.addLayout(self._grid(IMAGE_ROWS))
        self.body.addWidget(self._plane_title)
        self.body.addLayout(self._grid(PLANE_ROWS))
        self.conflicts = label("", "warn", wrap=True)
        self._conflict_card = card(label("These do not fit together", "section"), self.conflicts)
        self.body.addWidget(self._conflict_card)
        self.body.addLayout(self._buttons())
        self.details = Details()
        self.body.addWidget(Section("More from the file", self.details))
        self.body.addStretch(1)
        for signal in (
            self.focus.layer_changed,
            self.focus.plane_changed,
            self.focus.record_changed,
            self.focus.layers_changed,
        ):
            signal.connect(self.refresh)
        self.focus.layer_changed.connect(self._say_hint)
        self.refresh()
        self._say_hint()

    def _grid(self, names: tuple[str, ...]) -> QGridLayout:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(5)
        grid.setColumnStretch(1, 1)
        grid.setColumnMinimumWidth(0, 90)
        grid.setColumnMinimumWidth(2, 54)
        for name in names:
            self.rows[name] = FieldRow(CONDITION_FIELDS[name], grid, self)
            self.rows[name].edited.connect(self.edit)
        return grid

    def _buttons(self) -> Any:
        self.undo_button = QPushButton("Undo")
        self.redo_button = QPushButton("Redo")
        self.copy_button = QToolButton()
        self.copy_button.setText("Copy edits to ▾")
        self.copy_button.setProperty("look", "menu")
        self.copy_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._copy_menu = QMenu(self.copy_button)
        self.copy_button.setMenu(self._copy_menu)
        self.undo_button.clicked.connect(self.undo)
        self.redo_button.clicked.connect(self.redo)
        return row(self.undo_button, self.redo_button, 1, self.copy_button)

    def edit(self, name: str, text: str) -> None:
        """State a field as typed; says in the status line what came of it."""
        image, spec = self.focus.image, CONDITION_FIELDS[name]
        if image is None:
            return
        before = edits.snapshot(image)
        try:
            edits.edit(image, self.focus.plane, name, text)
        except InputError as error:
            self.rows[name].editor.mark(bad=True)
            self.say(str(error), "bad")
            return
        self.history.record(image, before)
        self.refresh()
        self.say(self._what_happened(name, spec.label), "good")

    def _what_happened(self, name: str, title: str) -> str:
        image = self.focus.image
        found = layers.condition_fields(image, self.focus.plane)[name]
        if found.source != "user":
            return f"{title}: your edit is taken back."
        only = " for this plane" if edits.is_plane_field(image, name) else ""
        extra = ", and scaled the layer to match" if name == "pixel_size_um" else ""
        return f"Noted {title.lower()}{only}{extra}. The file itself is not changed."

    def undo(self) -> None:
        """Take back the last edit."""
        self._stepped(self.history.undo(), "Undone")

    def redo(self) -> None:
        """Make the last undone edit again."""
        self._stepped(self.history.redo(), "Done again")

    def _stepped(self, layer: Layer | None, what: str) -> None:
        self.refresh()
        if layer is not None:
            self.say(f"{what}, in {layer.name}.", "good")

    def copy_to(self, targets: list[Layer]) -> None:
        """State for other images what was stated here for the whole image."""
        before = {target: edits.snapshot(target) for target in targets}
        count = edits.copy_edits(self.focus.image, targets)
        for target, state in before.items():
            self.history.record(target, state)
        self.refresh()
        self.say(f"Copied your edits to {count} image{'s' if count != 1 else ''}.", "good")

    def refresh(self) -> None:
        """Show what is known of the image in focus and its shown plane."""
        image, plane = self.focus.image, self.focus.plane
        found = {} if image is None else layers.condition_fields(image, plane)
        for name, shown in self.rows.items():
            shown.set_enabled(image is not None)
            if image is not None:
                shown.show_field(found[name], edits.file_value(image, plane, name))
        words = plane_words(self.focus)
        self._plane_title.setText(f"This plane · {words}" if words else "Focus")
        self._show_conflicts()
        self._show_buttons()
        self.details.show_record(None if image is None else layers.record_of(image, plane), image)

    def _show_conflicts(self) -> None:
        image = self.focus.image
        found = () if image is None else conflicts(layers.record_of(image, self.focus.plane))
        self.conflicts.setText("\n".join(f"⚠ {_in_words(c)}" for c in found))
        self._conflict_card.setVisible(bool(found))

    def _show_buttons(self) -> None:
        self.undo_button.setEnabled(self.history.can_undo)
        self.redo_button.setEnabled(self.history.can_redo)
        self.undo_button.setToolTip("" if self.history.can_undo else "No edit to take back")
        self.redo_button.setToolTip("" if self.history.can_redo else "Nothing was undone")
        image = self.focus.image
        others = [i for i in layers.image_layers(self.viewer) if i is not image]
        stated = image is not None and bool(layers.info(image).get("declared"))
        reason = "" if stated else "You have not edited this image yet"
        reason = reason or ("" if others else "There is no other image")
        self.copy_button.setEnabled(not reason)
        self.copy_button.setToolTip(reason or "State the same for other images")
        self._fill_copy_menu(others)

    def _fill_copy_menu(self, others: list[Any]) -> None:
        self._copy_menu.clear()
        if len(others) > 1:
            self._copy_menu.addAction("all other images", partial(self.copy_to, others))
        for other in others:
            self._copy_menu.addAction(other.name, partial(self.copy_to, [other]))

    def _say_hint(self) -> None:
        image = self.focus.image
        if image is None:
            self.say("Open an image (File ▸ Open) or a sample (File ▸ Open Sample) to begin.")
            return
        found = layers.condition_fields(image, self.focus.plane)
        missing = [CONDITION_FIELDS[n].label.lower() for n in IMAGE_ROWS if not found[n].known]
        if missing:
            self.say(f"Not known: {', '.join(missing)}. Type what you know.", "info")
        else:
            self.say("Everything that matters most is known.", "good")


def _in_words(conflict: Conflict) -> str:
    names = [CONDITION_FIELDS[n].label if n in CONDITION_FIELDS else n for n in conflict.fields]
    message = re.sub(r"(\d)\.0\b", r"\1", conflict.message).replace("stated as", "you say")
    return f"{' and '.join(names)}: {message}."
