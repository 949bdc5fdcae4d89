"""Edits of what is known of an image: made, taken back, undone and copied. No widgets here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import ref

from napari.layers import Layer

from napari_metaseg.acquisition.condition import derive_condition
from napari_metaseg.acquisition.fields import parse_value
from napari_metaseg.acquisition.record import Value
from napari_metaseg.acquisition.record_json import record_from_json
from napari_metaseg.plugin import layers
from napari_metaseg.plugin.layers import PLANE_FIELDS, PlaneIndex


@dataclass(frozen=True)
class Snapshot:
    """All that an edit can change in a layer."""

    declared: Mapping[str, Value]
    declared_planes: Mapping[str, Mapping[str, Value]]
    scale: tuple[float, ...]
    units: tuple[Any, ...]


def snapshot(layer: Layer) -> Snapshot:
    """The layer's edits and scale as they stand."""
    entry = layers.info(layer)
    return Snapshot(
        entry.get("declared", {}),
        entry.get("declared_planes", {}),
        tuple(layer.scale),
        tuple(layer.units),
    )


def restore(layer: Layer, state: Snapshot) -> None:
    """Bring the layer's edits and scale back to what `snapshot` saw."""
    layer.units, layer.scale = state.units, state.scale
    layers.update_info(
        layer, declared=dict(state.declared), declared_planes=dict(state.declared_planes)
    )


def is_plane_field(layer: Layer, name: str) -> bool:
    """Whether an edit of this field holds for one plane alone."""
    return name in PLANE_FIELDS and len(layers.planes(layer)) > 1


def edit(layer: Layer, plane: PlaneIndex, name: str, text: str) -> None:
    """State a field's value as a person typed it; empty text, or the file's value, takes it back.

    Raises `InputError` where the text does not fit the field; nothing is changed then.
    """
    value = parse_value(name, text)
    if value == file_value(layer, plane, name):
        value = None
    if name == "pixel_size_um":
        _edit_pixel_size(layer, plane, value)
    elif is_plane_field(layer, name):
        every = dict(layers.info(layer).get("declared_planes", {}))
        every[plane.key] = _with(every.get(plane.key, {}), name, value)
        layers.update_info(layer, declared_planes={k: v for k, v in every.items() if v})
    else:
        _declare(layer, name, value)


def _declare(layer: Layer, name: str, value: Value | None) -> None:
    layers.update_info(layer, declared=_with(layers.info(layer).get("declared", {}), name, value))


def _with(stated: Mapping[str, Value], name: str, value: Value | None) -> dict[str, Value]:
    rest = {key: v for key, v in stated.items() if key != name}
    return rest if value is None else rest | {name: value}


def _edit_pixel_size(layer: Layer, plane: PlaneIndex, value: Value | None) -> None:
    size = value if value is not None else file_value(layer, plane, "pixel_size_um")
    own_y = record_from_json(layers.info(layer).get("record")).get("pixel_size_y_um").value
    y = own_y if value is None and isinstance(own_y, float) else None
    layers.set_pixel_size(layer, size if isinstance(size, float | int) else None, y)
    _declare(layer, "pixel_size_um", value)


def file_value(layer: Layer, plane: PlaneIndex, name: str) -> Value | None:
    """What would show without any edit: the file's value, or what is inferred from it."""
    entry = layers.info(layer)
    record = record_from_json(entry.get("record"))
    found = derive_condition(record, c=int(entry.get("channel", 0)), z=plane.z, t=plane.t)
    return found[name].value if name in found else None


def copy_edits(source: Layer, targets: list[Layer]) -> int:
    """State for each target what the user stated for the whole of `source`; how many it changed."""
    stated = dict(layers.info(source).get("declared", {}))
    for target in targets:
        for name, value in stated.items():
            edit(target, PlaneIndex(), name, str(value))
    return len(targets) if stated else 0


@dataclass
class History:
    """Undo and redo of edits, across layers; layers that are gone are skipped."""

    _done: list[tuple[ref[Layer], Snapshot, Snapshot]] = field(default_factory=list)
    _undone: list[tuple[ref[Layer], Snapshot, Snapshot]] = field(default_factory=list)

    def record(self, layer: Layer, before: Snapshot) -> None:
        """Remember that the layer changed from `before` to what it is now."""
        after = snapshot(layer)
        if after != before:
            self._done.append((ref(layer), before, after))
            self._undone.clear()

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is an edit to make again."""
        return bool(self._undone)

    def undo(self) -> Layer | None:
        """Take back the last edit; the layer it was made in."""
        while self._done:
            step = self._done.pop()
            if (layer := step[0]()) is not None:
                self._undone.append(step)
                restore(layer, step[1])
                return layer
        return None

    def redo(self) -> Layer | None:
        """Make the last undone edit again; the layer it is made in."""
        while self._undone:
            step = self._undone.pop()
            if (layer := step[0]()) is not None:
                self._done.append(step)
                restore(layer, step[2])
                return layer
        return None
