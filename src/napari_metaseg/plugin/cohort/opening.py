"""Going from a row of the cohort to its image in the viewer."""

from __future__ import annotations

from typing import Any

from napari.layers import Layer

from napari_metaseg.acquisition.statements import Statements
from napari_metaseg.errors import InputError
from napari_metaseg.plugin import known, layers, saved
from napari_metaseg.plugin.cohort.entries import Entry, FileEntry, LayerEntry
from napari_metaseg.plugin.reader import source_layers


def open_entry(viewer: Any, entry: Entry) -> Layer:
    """Select the layer of a row, opening its image where it is not open yet.

    What was stated in the row and not saved yet goes along. Raises `InputError` where the image
    cannot be opened.
    """
    if isinstance(entry, LayerEntry):
        layer = entry.layer if entry.layer in viewer.layers else None
    else:
        layer = _find(viewer, entry) or _open(viewer, entry)
    if layer is None:
        raise InputError(f"{entry.name} is not open any more")
    viewer.layers.selection.active = layer
    return layer


def _find(viewer: Any, entry: Entry) -> Layer | None:
    for layer in layers.image_layers(viewer):
        own = layers.info(layer)
        same = own.get("path") == str(entry.path) and own.get("scene") == entry.scene
        name = known.file_record(layer).channel(known.channel_of(layer)).name
        if same and (not entry.channel or entry.channel == name):
            return layer
    return None


def _open(viewer: Any, entry: Entry) -> Layer | None:
    from napari_metaseg.images.open import open_image
    from napari_metaseg.images.without_pixels import has_pixels

    if entry.path is None:
        return None
    source = open_image(entry.path, entry.scene)
    if not has_pixels(source):
        raise InputError(f"the pixels of {entry.name} are not here")
    made = [viewer.add_image(data, **options) for data, options, _ in source_layers(source)]
    if isinstance(entry, FileEntry) and entry.image.unsaved:
        for layer in made:
            _state(layer, entry.image.stated)
    return _find(viewer, entry) or made[0]


def _state(layer: Layer, stated: Statements) -> None:
    parts = saved.entry_edits(stated, known.channel_of(layer))
    layers.update_info(layer, **{name: part for name, part in parts.items() if name != "saved"})
