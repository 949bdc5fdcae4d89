"""A new annotation layer that lies exactly on its image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_metaseg.errors import InputError
from napari_metaseg.plugin import layers

if TYPE_CHECKING:
    import napari
    from napari.layers import Image, Labels


def new_annotation_layer(viewer: napari.viewer.Viewer) -> None:
    """Add an empty labels layer to the selected image and select its paint brush.

    Without an image it says so as a napari notification.
    """
    from napari.utils.notifications import show_warning

    try:
        add_annotation(viewer)
    except InputError as error:
        show_warning(str(error))


def add_annotation(viewer: Any, image: Image | None = None) -> Labels:
    """Add an empty labels layer with the shape, scale, units and axes of `image`, ready to paint.

    `image` None takes the selected image. Raises `InputError` where there is none.
    """
    image = image or _selected_image(viewer)
    made: Labels = viewer.add_labels(
        np.zeros(layers.layer_shape(image), np.int32),
        name=f"{image.name} annotation",
        metadata=layers.partner_entry(image, "annotation"),
        **layers.geometry(image),
    )
    made.brush_size = max(5, layers.layer_shape(image)[-1] // 60)
    made.mode = "paint"
    viewer.layers.selection.active = made
    return made


def _selected_image(viewer: Any) -> Image:
    images, active = layers.image_layers(viewer), viewer.layers.selection.active
    if active in images:
        return active
    own = layers.image_of(active, viewer) if active is not None else None
    found = own or (images[-1] if images else None)
    if found is None:
        raise InputError("there is no image to annotate", way_out="Open an image first")
    return found
