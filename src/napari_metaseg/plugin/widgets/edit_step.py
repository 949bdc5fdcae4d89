"""One step to undo, made from the Acquisition widget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Layer

from napari_metaseg.plugin import edits

if TYPE_CHECKING:
    from napari_metaseg.plugin.widgets.acquisition import AcquisitionWidget


class EditStep:
    """A step to undo over layers and their companions, in which the form holds still."""

    def __init__(self, panel: AcquisitionWidget, targets: list[Layer]) -> None:
        self._panel, images = panel, panel.images
        self._layers = {la: None for t in targets for la in edits.companions(t, images)}

    def __enter__(self) -> None:
        self._panel.editing = True
        self._step = self._panel.history.step(list(self._layers))
        self._step.__enter__()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._panel.editing = False
        self._step.__exit__(kind, error, trace)
        if error is None:
            self._panel.show_free_rows()
            self._panel.refresh()
