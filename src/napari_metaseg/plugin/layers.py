"""What a layer knows about itself: its record, its axes, its planes, its place in the world.

Everything is kept in `layer.metadata["metaseg"]` as plain JSON that is reassigned and never
mutated, because only an assignment emits an event:
`path`, `scene`, `axes` (of the layer, without channel and samples), `channel`, `record`, `declared`
(edits that hold for the whole image), `declared_channel` (for this channel), `declared_planes` (for
one plane of it, keyed `z,t`), `saved` (those edits as they were last saved), perhaps `group` (the
specimen) and `plate` (where on a plate it was taken), and for layers that this plugin makes `role`
(`annotation`, `segmentation`, `classes`, `probability`, `depth`, `errors`, `preview`, `what if`),
`source` and `source_id` (the image layer they belong to), for predictions `planes_done` (keys of
whole planes) and `parts_done` (for other planes the first and last row and column of each part).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray

from napari_metaseg.acquisition.record import AcquisitionRecord
from napari_metaseg.acquisition.record_json import record_to_json

KEY = "metaseg"


@dataclass(frozen=True)
class PlaneIndex:
    """Which plane of a layer: zero-based z and t."""

    z: int = 0
    t: int = 0

    @property
    def key(self) -> str:
        """The key of this plane in `declared_planes`."""
        return f"{self.z},{self.t}"

    @staticmethod
    def from_key(key: str) -> PlaneIndex:
        """The plane of a key."""
        z, _, t = key.partition(",")
        return PlaneIndex(int(z), int(t))


def info(layer: Layer) -> dict[str, Any]:
    """The layer's own entry of its metadata; empty where another program made the layer."""
    return dict(layer.metadata.get(KEY, {}))


def update_info(layer: Layer, **changes: Any) -> None:
    """Replace parts of the layer's entry, emitting napari's metadata event."""
    layer.metadata = {**layer.metadata, KEY: info(layer) | changes}


def new_info(
    *, path: str, scene: str, axes: str, channel: int, record: AcquisitionRecord
) -> dict[str, Any]:
    """The entry of a layer that a reader makes."""
    return {
        "path": path,
        "scene": scene,
        "axes": axes,
        "channel": channel,
        "record": record_to_json(record),
        "declared": {},
        "declared_channel": {},
        "declared_planes": {},
    }


def axes_of(layer: Layer) -> str:
    """The layer's axes in order, such as `ZYX`: stated, else from its axis labels, else guessed."""
    stated = str(info(layer).get("axes", ""))
    if len(stated) == layer.ndim:
        return stated
    labels = "".join(str(label)[:1].upper() for label in layer.axis_labels)
    if len(labels) == layer.ndim and set(labels) <= set("TCZYX") and labels.endswith("YX"):
        return labels
    guessed = "TZYX" if layer.ndim <= 4 else "?" * (layer.ndim - 5) + "TCZYX"
    return guessed[-layer.ndim :]


def size(layer: Layer, axis: str) -> int:
    """How many planes the layer has along an axis; 1 where no planes are numbered along it."""
    numbered = axes_of(layer)[:-2]
    return int(layer.data.shape[numbered.index(axis)]) if axis in numbered else 1


def planes(layer: Layer) -> list[PlaneIndex]:
    """Every plane of the layer, z fastest."""
    return [PlaneIndex(z, t) for t in range(size(layer, "T")) for z in range(size(layer, "Z"))]


def shown_plane(layer: Layer, viewer: Any) -> PlaneIndex:
    """The plane of the layer that the viewer's sliders stand on."""
    axes, at = axes_of(layer)[:-2], layer.world_to_data(viewer.dims.point)
    index = {}
    for axis in "ZT":
        last = size(layer, axis) - 1
        here = float(at[axes.index(axis)]) if axis in axes else 0.0
        index[axis.lower()] = int(np.clip(np.round(here), 0, last))
    return PlaneIndex(**index)


def show_plane(layer: Layer, viewer: Any, plane: PlaneIndex) -> None:
    """Move the viewer's sliders to a plane of the layer."""
    axes = axes_of(layer)[:-2]
    at = [float(getattr(plane, axis.lower())) if axis in "ZT" else 0.0 for axis in axes]
    world = layer.data_to_world([*at, 0.0, 0.0])
    offset = viewer.dims.ndim - layer.ndim
    for i, axis in enumerate(axes):
        if axis in "ZT":
            viewer.dims.set_point(i + offset, world[i])


def plane_slices(layer: Layer, plane: PlaneIndex) -> tuple[int | slice, ...]:
    """The index of one plane into the layer's data; along other axes the first."""
    at: Mapping[str, int] = {"Z": plane.z, "T": plane.t}
    everything = slice(None)
    return (*(at.get(axis, 0) for axis in axes_of(layer)[:-2]), everything, everything)


def geometry(layer: Layer) -> dict[str, Any]:
    """The arguments that place a new layer exactly where `layer` lies, in the same units."""
    return {
        "scale": layer.scale,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
        "translate": layer.translate,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine,
    }


def layer_shape(layer: Layer) -> tuple[int, ...]:
    """The layer's shape in its own axes, without the samples of an RGB image."""
    return tuple(int(n) for n in layer.data.shape[: layer.ndim])


def plane_shape(layer: Layer) -> tuple[int, int]:
    """The (Y, X) shape of the layer's planes."""
    height, width = layer_shape(layer)[-2:]
    return height, width


def raw_plane(layer: Layer, plane: PlaneIndex) -> NDArray[np.float32]:
    """One plane as (1, Y, X) raw intensities, RGB as luminance; reads only that plane."""
    from napari_metaseg.datasets.inputs import as_grey

    data = layer.data[0] if layer.multiscale else layer.data
    return as_grey(np.asarray(data[plane_slices(layer, plane)]))[None]


def image_layers(viewer: Any) -> list[Image]:
    """The images of a viewer, without the probability and depth layers that this plugin made."""
    found = (layer for layer in viewer.layers if isinstance(layer, Image))
    return [layer for layer in found if info(layer).get("role") not in ("probability", "depth")]


def labels_layers(viewer: Any, role: str = "") -> list[Labels]:
    """The labels layers of a viewer, all of them or those with a role."""
    found = (layer for layer in viewer.layers if isinstance(layer, Labels))
    return [layer for layer in found if not role or info(layer).get("role") == role]


def belongs_to(layer: Layer, image: Layer) -> bool:
    """Whether a layer was made for `image`: by its stored identity, else by its stored name."""
    entry = info(layer)
    if entry.get("source_id") == str(image.unique_id):
        return True
    return "source" in entry and entry["source"] == image.name


def partner_entry(image: Layer, role: str) -> dict[str, Any]:
    """The metadata of a layer that is made for `image`."""
    entry = {"role": role, "source": image.name, "source_id": str(image.unique_id)}
    return {KEY: entry | {"axes": axes_of(image)}}


def image_of(layer: Layer, viewer: Any) -> Image | None:
    """The image a labels layer belongs to: the one it was made for, else one of the same shape."""
    images = image_layers(viewer)
    own = next((image for image in images if belongs_to(layer, image)), None)
    same_name = [i for i in images if i.name and layer.name.startswith(i.name)]
    fitting = [image for image in images if layer_shape(image) == layer_shape(layer)]
    return (
        own
        or next((i for i in same_name if i in fitting), None)
        or (fitting[0] if len(fitting) == 1 else None)
    )


def current_viewer() -> Any:
    """The viewer of this napari session, or None where there is none."""
    import napari

    return napari.current_viewer()


def open_layer(data: Any) -> Layer | None:
    """The layer of the current viewer that shows exactly this data."""
    viewer = current_viewer()
    every = () if viewer is None else viewer.layers
    return next((layer for layer in every if layer.data is data), None)
