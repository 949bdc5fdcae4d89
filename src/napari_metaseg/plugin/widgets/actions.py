"""Undo, redo, and what can be done to several images at once: copy edits, apply a template."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QLineEdit, QMenu, QPushButton, QToolButton, QWidget

from napari_metaseg.acquisition.template import Template
from napari_metaseg.plugin.widgets.parts import card, column, label, row


def menu_button(text: str, tip: str) -> tuple[QToolButton, QMenu]:
    """A button that opens a menu below it."""
    button = QToolButton()
    button.setText(f"{text} ▾")
    button.setToolTip(tip)
    button.setProperty("look", "menu")
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    menu = QMenu(button)
    menu.setToolTipsVisible(True)
    button.setMenu(menu)
    return button, menu


class ActionBar(QWidget):
    """The buttons above the fields; it only asks, the panel does."""

    undo = Signal()
    redo = Signal()
    copy_to = Signal(object)
    """The layers to copy the edits to."""
    apply_template = Signal(object)
    delete_template = Signal(str)
    save_template = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.undo_button, self.redo_button = QPushButton("Undo"), QPushButton("Redo")
        self.undo_button.clicked.connect(self.undo)
        self.redo_button.clicked.connect(self.redo)
        self.copy_button, self.copy_menu = menu_button("Copy to", "State the same elsewhere")
        self.template_button, self.template_menu = menu_button(
            "Template", "Values that you give to many images"
        )
        self._name = QLineEdit()
        self._name.setPlaceholderText("name, such as 20x air DAPI")
        self.name_card = self._naming()
        buttons = (self.undo_button, self.redo_button, self.copy_button, self.template_button)
        self.setLayout(column(row(*buttons, 1, spacing=4), self.name_card))

    def _naming(self) -> QFrame:
        save, cancel = QPushButton("Save"), QPushButton("Cancel")
        made = card(
            label("Keep what is known here as a template named", wrap=True),
            self._name,
            row(1, cancel, save),
        )
        save.clicked.connect(self._on_named)
        self._name.returnPressed.connect(self._on_named)
        cancel.clicked.connect(made.hide)
        made.hide()
        return made

    def show_history(self, can_undo: bool, can_redo: bool) -> None:
        """Whether there is something to undo and to redo; the tooltips say why not."""
        self.undo_button.setEnabled(can_undo)
        self.redo_button.setEnabled(can_redo)
        self.undo_button.setToolTip("Ctrl+Z" if can_undo else "No edit to take back")
        self.redo_button.setToolTip("Ctrl+Shift+Z" if can_redo else "Nothing was undone")

    def show_targets(self, selected: Sequence[Layer], others: Sequence[Layer], reason: str) -> None:
        """Offer the other images to copy to; `reason` says why it cannot be used, if so."""
        self.copy_menu.clear()
        if selected:
            self._add_copy(f"the selected images ({len(selected)})", selected)
        if others:
            self._add_copy(f"all other images ({len(others)})", others)
            self.copy_menu.addSeparator()
        for other in others[:20]:
            self._add_copy(other.name, [other])
        self.copy_button.setEnabled(not reason)
        self.copy_button.setToolTip(reason or "State what you stated here for other images too")

    def _add_copy(self, text: str, targets: Sequence[Layer]) -> None:
        self.copy_menu.addAction(text, partial(self.copy_to.emit, list(targets)))

    def show_templates(self, templates: Sequence[Template], reason: str) -> None:
        """Offer the templates; `reason` says why none can be applied or made, if so."""
        self.template_menu.clear()
        for template in templates:
            action = self.template_menu.addAction(template.name)
            action.setToolTip("\n".join(f"{n}: {v}" for n, v in template.values.items()))
            action.triggered.connect(partial(self._on_template, template))
        if not templates:
            self.template_menu.addAction("No template yet").setEnabled(False)
        self.template_menu.addSeparator()
        self.template_menu.addAction("Save as template …", self._ask_name)
        if templates:
            delete = self.template_menu.addMenu("Delete")
            for template in templates:
                delete.addAction(template.name, partial(self.delete_template.emit, template.name))
        self.template_button.setEnabled(not reason)
        self.template_button.setToolTip(reason or "Values that you give to many images")

    def _on_template(self, template: Template, *_: Any) -> None:
        self.apply_template.emit(template)

    def _ask_name(self) -> None:
        self.name_card.show()
        self._name.setFocus()

    def _on_named(self) -> None:
        if self._name.text().strip():
            self.name_card.hide()
            self.save_template.emit(self._name.text().strip())
            self._name.clear()
