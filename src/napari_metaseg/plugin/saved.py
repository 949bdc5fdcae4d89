"""Edits that were saved: taken from the record a file opens with, and put beside it again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari.layers import Layer

from napari_metaseg.acquisition.record import AcquisitionRecord, Field, Value
from napari_metaseg.acquisition.statements import Statements, statements_of
from napari_metaseg.errors import InputError
from napari_metaseg.images.sidecar import read_sidecar, sidecar_path, write_sidecar
from napari_metaseg.plugin import edits, known, layers

Entry = dict[str, Any]
SIDECAR, FILE = "sidecar", "file"


def lifted(record: AcquisitionRecord, path: Path) -> tuple[AcquisitionRecord, Statements]:
    """The record without what the sidecar of `path` states, and those statements.

    So a value from the sidecar can be taken back in the window like any other edit.
    """
    name = sidecar_path(path).name
    plain = _only(record, lambda field: field.path != name)
    return plain, statements_of(_only(record, lambda field: field.path == name))


def _only(record: AcquisitionRecord, keep: Callable[[Field], bool]) -> AcquisitionRecord:
    def chosen(declared: Mapping[str, Field]) -> dict[str, Field]:
        return {name: field for name, field in declared.items() if keep(field)}

    return replace(
        record,
        declared=chosen(record.declared),
        channels=tuple(replace(c, declared=chosen(c.declared)) for c in record.channels),
        planes=tuple(replace(p, declared=chosen(p.declared)) for p in record.planes),
    )


def entry_edits(stated: Statements, channel: int) -> Entry:
    """Statements as the parts of a layer's entry, marked as saved."""
    parts = {
        "declared": dict(stated.image),
        "declared_channel": dict(stated.channels.get(channel, {})),
        "declared_planes": {
            f"{z},{t}": dict(values)
            for (c, z, t), values in stated.planes.items()
            if c == channel and values
        },
    }
    return parts | {"saved": parts, "saved_in": SIDECAR} if stated else parts


def _parts(layer: Layer) -> Entry:
    """The edits of a layer as they would be saved, with those of its scale."""
    entry = layers.info(layer)
    own = entry.get("declared_channel", {})
    image = {n: v for n, v in edits.own_edits(layer).items() if n not in own}
    planes = entry.get("declared_planes", {})
    return {
        "declared": image,
        "declared_channel": dict(own),
        "declared_planes": {key: dict(values) for key, values in planes.items() if values},
    }


def unsaved_count(layer: Layer) -> int:
    """How many values differ from what was last saved."""
    saved, now = _flat(layers.info(layer).get("saved", {})), _flat(_parts(layer))
    return sum(saved.get(key) != now.get(key) for key in {*saved, *now})


def unsaved_in_channel(layer: Layer) -> int:
    """The same for what holds for this layer's channel and planes alone."""
    saved, now = _flat(layers.info(layer).get("saved", {})), _flat(_parts(layer))
    own = [key for key in {*saved, *now} if key[0] != "declared"]
    return sum(saved.get(key) != now.get(key) for key in own)


def _flat(parts: Entry) -> dict[tuple[str, ...], Value]:
    flat: dict[tuple[str, ...], Value] = {}
    for level in ("declared", "declared_channel"):
        flat |= {(level, name): value for name, value in parts.get(level, {}).items()}
    for key, values in parts.get("declared_planes", {}).items():
        flat |= {("plane", key, name): value for name, value in values.items()}
    return flat


def is_saved(layer: Layer, name: str, value: Value | None, key: str) -> bool:
    """Whether the value that a field shows is the one that was last saved for it."""
    saved = layers.info(layer).get("saved", {})
    plane = saved.get("declared_planes", {}).get(key, {})
    places = (plane, saved.get("declared_channel", {}), saved.get("declared", {}))
    return next((place[name] == value for place in places if name in place), False)


def file_of(layer: Layer) -> Path:
    """The layer's file. Raises `InputError` for a layer that came from no file that is there."""
    path = str(layers.info(layer).get("path", ""))
    if not path:
        raise InputError(
            f"{layer.name} was not opened from a file by this plugin",
            way_out="Save the layer as OME-TIFF (File, Save Selected Layers)",
        )
    if not Path(path).exists():
        raise InputError(f"the file of {layer.name} is not there any more", got=path)
    return Path(path)


def statements_for(layer: Layer, images: Iterable[Layer]) -> Statements:
    """Everything stated of the image that the layer shows, in all of its channels."""
    same = edits.companions(layer, images)
    image, channels, planes = _parts(layer)["declared"], {}, {}
    for one in same:
        parts, c = _parts(one), known.channel_of(one)
        if parts["declared_channel"]:
            channels[c] = parts["declared_channel"]
        for key, values in parts["declared_planes"].items():
            at = layers.PlaneIndex.from_key(key)
            planes[(c, at.z, at.t)] = values
    return Statements(image, channels, planes)


def save_beside(layer: Layer, images: Sequence[Layer]) -> Path:
    """Write the edits of the layer's image into its sidecar; returns the sidecar's path.

    Raises `InputError` where the layer has no file or the folder cannot be written.
    """
    path, scene = file_of(layer), str(layers.info(layer).get("scene", ""))
    written = write_sidecar(path, {scene: whole_statements(layer, images)})
    mark_saved(layer, images)
    return written


def whole_statements(layer: Layer, images: Sequence[Layer]) -> Statements:
    """The statements for the sidecar: those of channels that are not open here stay."""
    path, scene = file_of(layer), str(layers.info(layer).get("scene", ""))
    stated = statements_for(layer, images)
    shown = {known.channel_of(one) for one in edits.companions(layer, images)}
    before = _kept(read_sidecar(path).get(scene, Statements()), shown)
    channels = {**before.channels, **stated.channels}
    return Statements(stated.image, channels, {**before.planes, **stated.planes})


def mark_saved(layer: Layer, images: Sequence[Layer], where: str = SIDECAR) -> None:
    """Remember the edits of the image's layers as saved, in the sidecar or in the file itself."""
    for one in edits.companions(layer, images):
        layers.update_info(one, saved=_parts(one), saved_in=where)


def _kept(old: Statements, without: set[int]) -> Statements:
    return Statements(
        {},
        {c: values for c, values in old.channels.items() if c not in without},
        {czt: values for czt, values in old.planes.items() if czt[0] not in without},
    )
