"""The layers that predictions go into: they lie exactly on their image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray

from napari_metaseg.plugin import layers
from napari_metaseg.plugin.cutting import Part
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
            layers.update_info(layer, model=model, planes_done=[], parts_done={})
    return Outputs(labels, probability, several, deep)


def find_outputs(viewer: Any, image: Image) -> Outputs | None:
    """The prediction layers of an image, if labels and probability are still there."""
    labels = _find(viewer, image, "segmentation")
    probability = _find(viewer, image, "probability")
    if labels is None or probability is None:
        return None
    several, deep = (_find(viewer, image, role) for role in ("classes", "depth"))
    return Outputs(labels, probability, several, deep)


def write_part(layer: Layer, part: Part, values: NDArray[Any]) -> None:
    """Put one plane, or a region of one, into a prediction layer and show it."""
    layer.data[_slices(layer, part)] = values
    entry, key = layers.info(layer), part.plane.key
    done, parts = list(entry.get("planes_done", [])), dict(entry.get("parts_done", {}))
    if part.region is None:
        done = [*(other for other in done if other != key), key]
        parts.pop(key, None)
    elif key not in done:
        corners = [end for along in part.region for end in (along.start, along.stop)]
        kept = [other for other in parts.get(key, []) if not _covers(corners, other)]
        parts[key] = [*kept, corners]
    layers.update_info(layer, planes_done=done, parts_done=parts)
    layer.refresh()


def _covers(corners: Sequence[int], others: Sequence[int]) -> bool:
    """Whether a region (first and last row, first and last column) holds all of another."""
    top, bottom, left, right = corners
    return top <= others[0] and others[1] <= bottom and left <= others[2] and others[3] <= right


def write_labels(layer: Labels, part: Part, values: NDArray[np.int32]) -> None:
    """Put objects into a plane or a region of one; in a region they get numbers of their own."""
    if part.region is not None:
        others = (p for p in parts_done(layer) if p.plane == part.plane and p != part)
        taken = max((int(layer.data[_slices(layer, p)].max(initial=0)) for p in others), default=0)
        values = np.where(values > 0, values + np.int32(taken), 0)
    write_part(layer, part, values)


def part_of(layer: Layer, part: Part) -> NDArray[np.float32]:
    """A copy of one plane of a prediction layer, or of a region of it."""
    return np.array(layer.data[_slices(layer, part)], np.float32)


def _slices(layer: Layer, part: Part) -> tuple[int | slice, ...]:
    whole = layers.plane_slices(layer, part.plane)
    return whole if part.region is None else (*whole[:-2], *part.region)


def write_prediction(found: Outputs, part: Part, prediction: PlanePrediction) -> None:
    """Put the prediction of one plane, or of a region of it, into its layers.

    With several classes the probability layer shows that of any foreground.
    """
    first = prediction.probability[0]
    write_part(found.probability, part, first if found.classes is None else 1 - first)
    write_labels(found.labels, part, prediction.labels)
    if found.classes is not None:
        write_part(found.classes, part, prediction.classes)
    if found.depth is not None and prediction.depth is not None:
        write_part(found.depth, part, prediction.depth)


def planes_done(layer: Layer) -> list[PlaneIndex]:
    """The planes of a prediction layer that hold a prediction of the whole of them."""
    return [PlaneIndex.from_key(key) for key in layers.info(layer).get("planes_done", [])]


def parts_done(layer: Layer) -> list[Part]:
    """What of a prediction layer holds a prediction: whole planes, then parts of others."""
    found = [Part(plane) for plane in planes_done(layer)]
    for key, parts in layers.info(layer).get("parts_done", {}).items():
        plane = PlaneIndex.from_key(key)
        found += [Part(plane, (slice(a, b), slice(c, d))) for a, b, c, d in parts]
    return found


def objects_in(layer: Labels, parts: Sequence[Part]) -> NDArray[np.int32]:
    """The pixels of a labels layer that lie in parts of one plane, each once and in no order."""
    if any(part.region is None for part in parts):
        return np.ravel(layer.data[layers.plane_slices(layer, parts[0].plane)])
    regions = [part.region for part in parts if part.region is not None]
    top, left = (min(region[axis].start for region in regions) for axis in (0, 1))
    bottom, right = (max(region[axis].stop for region in regions) for axis in (0, 1))
    around = Part(parts[0].plane, (slice(top, bottom), slice(left, right)))
    inside = np.zeros((bottom - top, right - left), bool)
    for rows, columns in regions:
        inside[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = (
            True
        )
    return layer.data[_slices(layer, around)][inside]


def _moved(along: slice, start: int) -> slice:
    return slice(along.start - start, along.stop - start)


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
