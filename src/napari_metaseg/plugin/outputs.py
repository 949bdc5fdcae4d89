"""The layers that predictions go into: they lie exactly on their image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray

from napari_metaseg.plugin import layers
from napari_metaseg.plugin.layers import PlaneIndex

if TYPE_CHECKING:
    from napari_metaseg.prediction.predictor import PlanePrediction


@dataclass(frozen=True)
class Outputs:
    """The layers of one image's prediction; `classes` only for several classes.

    `depth` is there for models that learned rims or depths of objects: how deep in an object each
    pixel is, by which objects are parted at another threshold too.
    """

    labels: Labels
    probability: Image
    classes: Labels | None = None
    depth: Image | None = None


def outputs_for(
    viewer: Any, image: Image, model: str, *, classes: bool, depth: bool = False
) -> Outputs:
    """The prediction layers of an image: those there are, or new ones added above it.

    A depth layer of an earlier model is taken away where this one has no depth.
    """
    _set_corrections_aside(viewer, image)
    deep = _find(viewer, image, "depth")
    if deep is not None and not depth:
        viewer.layers.remove(deep)
        deep = None
    elif deep is None and depth:
        deep = _add_image(viewer, image, "depth", "viridis")
    probability = _find(viewer, image, "probability")
    probability = probability or _add_image(viewer, image, "probability", "inferno")
    labels = _find(viewer, image, "segmentation") or _add_labels(viewer, image, "segmentation")
    several = None
    if classes:
        several = _find(viewer, image, "classes") or _add_labels(viewer, image, "classes")
    for layer in (deep, probability, labels, several):
        if layer is not None and layers.info(layer).get("model") != model:
            _clear(layer)
            layers.update_info(layer, model=model, planes_done=[])
    return Outputs(labels, probability, several, deep)


def find_outputs(viewer: Any, image: Image) -> Outputs | None:
    """The prediction layers of an image, if labels and probability are still there."""
    labels = _find(viewer, image, "segmentation")
    probability = _find(viewer, image, "probability")
    if labels is None or probability is None:
        return None
    several, deep = (_find(viewer, image, role) for role in ("classes", "depth"))
    return Outputs(labels, probability, several, deep)


def write_plane(layer: Layer, plane: PlaneIndex, values: NDArray[Any]) -> None:
    """Put one plane into a prediction layer and show it."""
    layer.data[layers.plane_slices(layer, plane)] = values
    done = list(layers.info(layer).get("planes_done", []))
    if plane.key not in done:
        layers.update_info(layer, planes_done=[*done, plane.key])
    layer.refresh()


def plane_of(layer: Layer, plane: PlaneIndex) -> NDArray[np.float32]:
    """A copy of one plane of a prediction layer."""
    return np.array(layer.data[layers.plane_slices(layer, plane)], np.float32)


def write_prediction(found: Outputs, plane: PlaneIndex, prediction: PlanePrediction) -> None:
    """Put the prediction of one plane into its layers.

    With several classes the probability layer shows that of any foreground.
    """
    first = prediction.probability[0]
    write_plane(found.probability, plane, first if found.classes is None else 1 - first)
    write_plane(found.labels, plane, prediction.labels)
    if found.classes is not None:
        write_plane(found.classes, plane, prediction.classes)
    if found.depth is not None and prediction.depth is not None:
        write_plane(found.depth, plane, prediction.depth)


def planes_done(layer: Layer) -> list[PlaneIndex]:
    """The planes of a prediction layer that hold a prediction."""
    keys = layers.info(layer).get("planes_done", [])
    return [PlaneIndex(*(int(part) for part in key.split(","))) for key in keys]


def _find(viewer: Any, image: Image, role: str) -> Any:
    shape = layers.layer_shape(image)
    own = (la for la in viewer.layers if layers.info(la).get("role") == role)
    fitting = (la for la in own if layers.belongs_to(la, image))
    return next((la for la in fitting if layers.layer_shape(la) == shape), None)


def _add_labels(viewer: Any, image: Image, role: str) -> Labels:
    made: Labels = viewer.add_labels(
        np.zeros(layers.layer_shape(image), np.int32),
        name=f"{image.name} {role}",
        metadata=layers.partner_entry(image, role),
        opacity=0.55,
        visible=role != "classes",
        **layers.geometry(image),
    )
    made.events.paint.connect(_on_paint)
    return made


ERROR_COLOURS = {1: "#56b4e9", 2: "#f0e442", None: "transparent", 0: "transparent"}
"""Missed sky blue, invented yellow: told apart by every kind of colour vision."""


def errors_layer(viewer: Any, image: Image) -> Labels:
    """The layer of an image's missed (1) and invented (2) objects: the one there is, or new."""
    from napari.utils.colormaps import DirectLabelColormap

    found = _find(viewer, image, "errors")
    if found is not None:
        return found
    made: Labels = viewer.add_labels(
        np.zeros(layers.layer_shape(image), np.uint8),
        name=f"{image.name} errors",
        metadata=layers.partner_entry(image, "errors"),
        colormap=DirectLabelColormap(color_dict=ERROR_COLOURS),
        opacity=0.9,
        **layers.geometry(image),
    )
    made.contour = 2
    return made


def remove_errors(viewer: Any) -> None:
    """Take every errors layer away."""
    for layer in [la for la in viewer.layers if layers.info(la).get("role") == "errors"]:
        viewer.layers.remove(layer)


def _on_paint(event: Any) -> None:
    if not layers.info(event.source).get("corrected"):
        layers.update_info(event.source, corrected=True)


def is_corrected(layer: Layer) -> bool:
    """Whether a person painted in a predicted layer."""
    return bool(layers.info(layer).get("corrected"))


def _set_corrections_aside(viewer: Any, image: Image) -> None:
    """Turn a segmentation that a person corrected into an annotation: it is never overwritten."""
    found = _find(viewer, image, "segmentation")
    if found is not None and is_corrected(found):
        layers.update_info(found, role="annotation", corrected=False)
        found.name = f"{image.name} corrected"
        found.visible = False


def _add_image(viewer: Any, image: Image, role: str, colormap: str) -> Image:
    made: Image = viewer.add_image(
        np.zeros(layers.layer_shape(image), np.float32),
        name=f"{image.name} {role}",
        metadata=layers.partner_entry(image, role),
        colormap=colormap,
        contrast_limits=(0, 1),
        opacity=0.6,
        visible=False,
        **layers.geometry(image),
    )
    return made


def _clear(layer: Layer) -> None:
    layer.data = np.zeros_like(layer.data)
