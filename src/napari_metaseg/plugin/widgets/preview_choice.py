"""What a training shows its live mask on, and the mask itself while the training runs."""

from __future__ import annotations

import time
from typing import Any

from qtpy.QtWidgets import QWidget

from napari_metaseg.events import Preview
from napari_metaseg.plugin.focus import Focus
from napari_metaseg.plugin.previewing import (
    PreviewLayer,
    preview_task,
    remove_previews,
)
from napari_metaseg.plugin.regions import MOST_PX, visible_region
from napari_metaseg.plugin.segmenting import PlaneTask
from napari_metaseg.plugin.widgets.parts import column, combo

_TIP = (
    "While it learns, the mask is drawn onto this image, in a layer of its own.\n"
    f"Of an image of more than {MOST_PX} px, the part that is in view is taken."
)


class PreviewChoice(QWidget):
    """The image in focus, or nothing; between `begin` and `end` it holds one training's layer."""

    def __init__(self, viewer: Any, focus: Focus) -> None:
        super().__init__()
        self._viewer, self._focus = viewer, focus
        self._layer: PreviewLayer | None = None
        self._clicked = 0.0
        self._first_s: float | None = None
        self.box = combo()
        self.box.addItem("image in focus", True)
        self.box.addItem("nothing", False)
        self.box.setToolTip(_TIP)
        self.setLayout(column(self.box))

    def begin(self) -> PlaneTask | None:
        """Lay an empty mask onto the chosen image; the pixels to preview, or None without any."""
        remove_previews(self._viewer)
        self._layer, self._first_s = None, None
        self._clicked = time.monotonic()
        image, plane = self._focus.image, self._focus.plane
        if image is None or not self.box.currentData():
            return None
        region = visible_region(image)
        self._layer = PreviewLayer(self._viewer, image, plane, region)
        return preview_task(image, plane, region)

    def show_mask(self, event: Preview, dice: float | None) -> str:
        """Show a mask and say so, with the Dice on images kept aside; empty once it is deleted."""
        if self._layer is None or not self._layer.show(event.probability):
            return ""
        if self._first_s is None:
            self._first_s = time.monotonic() - self._clicked
        score = "" if dice is None else f", Dice {dice:.2f} on images kept aside"
        return f"Mask after {event.step} steps{score}. The first came after {self._first_s:.0f} s."

    def end(self) -> None:
        """The training is over: leave its last mask, if there is one."""
        if self._layer is not None:
            self._layer.end()
        self._layer = None
