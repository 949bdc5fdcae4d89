"""Which image the user is looking at, and on which plane: what every widget's head follows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.plugin import known, layers


class Links:
    """Connections to napari's emitters that can all be cut at once."""

    def __init__(self) -> None:
        self._pairs: list[tuple[Any, Callable[..., Any]]] = []

    def connect(self, emitter: Any, callback: Callable[..., Any]) -> None:
        """Connect, and remember it."""
        emitter.connect(callback)
        self._pairs.append((emitter, callback))

    def cut(self, *_: object) -> None:
        """Disconnect everything connected so far."""
        for emitter, callback in self._pairs:
            # A callback of a window that is gone already cannot be compared any more.
            with suppress(RuntimeError):
                emitter.disconnect(callback)
        self._pairs.clear()


class Focus(QObject):
    """The image in focus of one viewer: the selected one, else the one the selection belongs to.

    `layer_changed` when it is another image (or none), `plane_changed` when a slider moved,
    `record_changed` when what is known of it changed, `layers_changed` when a layer came or went.
    """

    layer_changed = Signal()
    plane_changed = Signal()
    record_changed = Signal()
    layers_changed = Signal()

    def __init__(self, viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.image: Image | None = None
        self._links, self._layer_links = Links(), Links()
        self._links.connect(viewer.layers.selection.events.active, self._refresh)
        self._links.connect(viewer.layers.events.inserted, self._on_layers)
        self._links.connect(viewer.layers.events.removed, self._on_layers)
        self._links.connect(viewer.dims.events.point, self._on_dims)
        self.destroyed.connect(self._links.cut)
        self.destroyed.connect(self._layer_links.cut)
        self._refresh()

    @property
    def plane(self) -> layers.PlaneIndex:
        """The plane of the image that the sliders stand on."""
        if self.image is None:
            return layers.PlaneIndex()
        return layers.shown_plane(self.image, self.viewer)

    @property
    def condition(self) -> Condition:
        """What is known of that plane; empty without an image."""
        return {} if self.image is None else known.condition_of(self.image, self.plane)

    def _refresh(self, event: object = None) -> None:
        image = self._find()
        if image is self.image:
            return
        self._layer_links.cut()
        self.image = image
        if image is not None:
            for name in ("metadata", "scale", "units", "name"):
                self._layer_links.connect(getattr(image.events, name), self._on_record)
        self.layer_changed.emit()

    def _find(self) -> Image | None:
        images, active = layers.image_layers(self.viewer), self.viewer.layers.selection.active
        if active in images:
            return active
        if active is not None and (own := layers.image_of(active, self.viewer)):
            return own
        if self.image in images:
            return self.image
        return images[-1] if images else None

    def _on_layers(self, event: object = None) -> None:
        self._refresh()
        self.layers_changed.emit()

    def _on_dims(self, event: object = None) -> None:
        if self.image is not None:
            self.plane_changed.emit()

    def _on_record(self, event: object = None) -> None:
        self.record_changed.emit()
