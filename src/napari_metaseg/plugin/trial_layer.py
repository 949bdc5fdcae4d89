"""The layer that shows what tried metadata change, on exactly the pixels that were looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import CyclicLabelColormap
from numpy.typing import NDArray

from napari_metaseg.plugin import layers, regions
from napari_metaseg.plugin.layers import PlaneIndex
from napari_metaseg.plugin.regions import Region

ROLE = "what if"
BOTH_COLOUR, TRIED_COLOUR, TRUE_COLOUR, OTHER_COLOUR = "#b4b4b4", "#56b4e9", "#e69f00", "#f0e442"
"""Told apart by every kind of colour vision."""
_PLACE = ("scale", "units", "translate", "rotate", "shear", "affine")


class TrialLayer:
    """A labels layer that moves with what is looked at; deleted, it comes back with an answer."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self.layer: Labels | None = None
        self._image: Image | None = None

    def show(
        self, image: Image, plane: PlaneIndex, region: Region, difference: NDArray[np.uint8]
    ) -> None:
        """Show the differences (Y, X) of a region; what the user set on the layer stays."""
        place = regions.geometry(image, plane, region)
        pixels = difference.reshape(regions.layer_shape(image, region))
        # Equal and not the same: napari hands widgets a new proxy of a layer each time.
        if image != self._image or self.layer not in self._viewer.layers:
            self.remove()
            self._image, self.layer = image, self._add(image, pixels, place)
        elif self.layer is not None:
            self.layer.data = pixels
            for name in _PLACE:
                _set(self.layer, name, place[name])

    def _add(self, image: Image, pixels: NDArray[np.uint8], place: dict[str, Any]) -> Labels:
        chosen = set(self._viewer.layers.selection)
        active = self._viewer.layers.selection.active
        colours = ("#00000000", f"{BOTH_COLOUR}66", TRIED_COLOUR, TRUE_COLOUR, OTHER_COLOUR)
        made: Labels = self._viewer.add_labels(
            pixels,
            name=f"{image.name} what if",
            metadata=layers.partner_entry(image, ROLE),
            colormap=CyclicLabelColormap(colors=colours),
            opacity=0.9,
            **place,
        )
        made.editable = False
        self._viewer.layers.selection = chosen
        self._viewer.layers.selection.active = active
        return made

    def remove(self) -> None:
        """Take the layer away."""
        if self.layer is not None and self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)
        self.layer = self._image = None


def _set(layer: Labels, name: str, value: Any) -> None:
    """Set one part of a layer's place where it differs, which draws the layer anew."""
    before = getattr(layer, name)
    same = before == value if name in ("units", "affine") else np.array_equal(before, value)
    if not same:
        setattr(layer, name, value)
