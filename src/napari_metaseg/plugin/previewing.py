"""The live mask of a training: which pixels it shows, and the layer that it is shown in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import CyclicLabelColormap
from numpy.typing import NDArray

from napari_metaseg.events import Preview
from napari_metaseg.plugin import layers, regions
from napari_metaseg.plugin.layers import PlaneIndex
from napari_metaseg.plugin.regions import Region
from napari_metaseg.plugin.segmenting import PlaneTask, plane_task

if TYPE_CHECKING:
    from napari_metaseg.datasets.items import PlaneItem
    from napari_metaseg.packages.package import ModelPackage

ROLE = "preview"
_COLOURS = ("#00000000", "#ff7bd5", "#56b4e9", "#f0e442", "#00d39a", "#ff9d5c")
"""Of the background and the classes; annotations are seldom pink."""


def preview_task(image: Image, plane: PlaneIndex, region: Region) -> PlaneTask:
    """The pixels to preview, for the worker to read."""
    task = plane_task(image, plane)
    return replace(task, at=(*task.at[:-2], *region))


def preview_item(task: PlaneTask) -> PlaneItem:
    """The pixels to preview, read; those that are no numbers are 0, for it trains nothing."""
    from napari_metaseg.datasets.items import PlaneItem

    pixels = np.nan_to_num(task.read(), nan=0.0, posinf=0.0, neginf=0.0)
    return PlaneItem(task.name, pixels, task.condition, target=None)


def last_preview(package: ModelPackage, plane: PlaneItem, device: str) -> Preview:
    """What the model that was kept makes of the plane."""
    from napari_metaseg.prediction.predictor import Predictor

    predictor = Predictor(package, device=device)
    step = int(package.manifest.scores.get("step") or 0)
    return Preview(step, predictor.probability(plane.image, plane.condition))


class PreviewLayer:
    """The labels layer of one training's preview, on exactly the pixels that are previewed.

    Adding it leaves the selection as it is; what the user sets on it stays. Once the user deletes
    it, nothing is shown any more.
    """

    def __init__(self, viewer: Any, image: Image, plane: PlaneIndex, region: Region) -> None:
        self._viewer = viewer
        self.shown = False
        selection = set(viewer.layers.selection)
        active = viewer.layers.selection.active
        self.layer: Labels = viewer.add_labels(
            np.zeros(regions.layer_shape(image, region), np.uint8),
            name=f"{image.name} preview",
            metadata=layers.partner_entry(image, ROLE),
            # A direct colormap compiles itself at first use, which stops the window for a second.
            colormap=CyclicLabelColormap(colors=_COLOURS),
            opacity=0.9,
            **regions.geometry(image, plane, region),
        )
        self.layer.contour = 2
        self.layer.editable = False
        viewer.layers.selection = selection
        viewer.layers.selection.active = active

    def show(self, probability: NDArray[np.float32]) -> bool:
        """Show the mask of a probability (K, Y, X); False where the layer was deleted."""
        from napari_metaseg.prediction.objects.instances import classes_from_probability

        if self.layer not in self._viewer.layers:
            return False
        self.layer.data[...] = classes_from_probability(probability)
        self.layer.refresh(extent=False)
        self.shown = True
        return True

    def end(self) -> None:
        """Leave the last mask; take a layer away that never showed one."""
        if not self.shown and self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)


def remove_previews(viewer: Any, image: Image | None = None) -> None:
    """Take the previews away, all of them or those of an image."""
    for layer in layers.labels_layers(viewer, ROLE):
        if image is None or layers.belongs_to(layer, image):
            viewer.layers.remove(layer)
