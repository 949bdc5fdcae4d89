"""Note tried values as what is known of an image: asked once more, taken back with one click."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QWidget

from napari_metaseg.plugin.widgets.parts import ReasonButton, card, column, label, row

_TIP = "Note what you tried as what is known of this image, as an edit that can be undone."


class Adopt(QWidget):
    """A button that lists what would be noted, and notes it once that is confirmed."""

    adopted = Signal()
    undone = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.button = ReasonButton("Use as metadata …", tip=_TIP)
        self._changes = label("", wrap=True)
        self.confirm, cancel = QPushButton("Note it"), QPushButton("Cancel")
        self._card = card(
            label("Note for this image:"), self._changes, row(1, cancel, self.confirm)
        )
        self.undo = QPushButton("Undo")
        self.setLayout(column(self.button, self._card, self.undo))
        self.button.clicked.connect(self._card.show)
        cancel.clicked.connect(self._card.hide)
        self.confirm.clicked.connect(self._on_confirmed)
        self.undo.clicked.connect(self._on_undo)
        self._card.hide()
        self.undo.hide()

    def offer(self, changes: Sequence[str]) -> None:
        """What would be noted, a line each; nothing to note turns the button off."""
        self.button.block("" if changes else "Try another value first.", quiet=True)
        self._changes.setText("\n".join(changes))
        if not changes:
            self._card.hide()
        else:
            self.undo.hide()

    def _on_confirmed(self) -> None:
        self._card.hide()
        self.adopted.emit()
        self.undo.show()

    def _on_undo(self) -> None:
        self.undo.hide()
        self.undone.emit()
