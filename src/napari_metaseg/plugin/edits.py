"""Edits of what is known of an image: made, taken back and copied. No widgets here.

An edit holds for the whole image, for one channel or for one plane. Layers that show channels of
the same image are companions: an edit of the image is made in all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from napari.layers import Layer

from napari_metaseg.acquisition.fields import FieldSpec, parse_value
from napari_metaseg.acquisition.record import CHANNEL_FIELDS, Value
from napari_metaseg.plugin import calibration, known, layers
from napari_metaseg.plugin.layers import PlaneIndex

Level = Literal["image", "channel", "plane"]
Stated = Mapping[str, Value]

PLANE_FIELDS = ("plane", "plane_offset_um", "in_focus")
"""Fields that differ from plane to plane of a stack: an edit holds for the shown plane alone."""
CHANNEL_LEVEL = frozenset({"modality", "exposure_ms", *CHANNEL_FIELDS, *PLANE_FIELDS})
"""Fields of one channel; those of a plane are too, where there is one plane alone."""
_NO_SPECS: Mapping[str, FieldSpec] = {}


def level_of(layer: Layer, plane: PlaneIndex, name: str) -> Level:
    """What an edit of this field holds for; where the plane has its own value, for the plane."""
    if name in layers.info(layer).get("declared_planes", {}).get(plane.key, {}):
        return "plane"
    if name in PLANE_FIELDS and len(layers.planes(layer)) > 1:
        return "plane"
    return "channel" if name in CHANNEL_LEVEL else "image"


def companions(layer: Layer, images: Iterable[Layer]) -> list[Layer]:
    """The layer and those of `images` that show the same image of the same file."""
    own = _identity(layer)
    same = [la for la in images if la is not layer and own and _identity(la) == own]
    return [layer, *same]


def _identity(layer: Layer) -> tuple[str, str] | None:
    entry = layers.info(layer)
    path = str(entry.get("path", ""))
    return (path, str(entry.get("scene", ""))) if path else None


def edit(
    layer: Layer,
    plane: PlaneIndex,
    name: str,
    text: str,
    *,
    images: Iterable[Layer] = (),
    specs: Mapping[str, FieldSpec] = _NO_SPECS,
) -> None:
    """State a field's value as a person typed it; empty text, or the file's value, takes it back.

    `images` are the layers among which companions are kept in step; `specs` the project's fields.
    Raises `InputError` where the text does not fit the field; nothing is changed then.
    """
    value = parse_value(name, text, specs)
    state(layer, plane, {name: value}, images=images)


def state(
    layer: Layer,
    plane: PlaneIndex,
    values: Mapping[str, Value | None],
    *,
    images: Iterable[Layer] = (),
    level: Level | None = None,
) -> None:
    """State values, each for what it belongs to (or all for `level`); None takes one back."""
    same = companions(layer, images)
    for name, value in values.items():
        at = level or level_of(layer, plane, name)
        for target in same if at == "image" else _same_channel(layer, same):
            _state_one(target, plane, name, value, at)


def state_planes(
    layer: Layer,
    values: Mapping[PlaneIndex, Mapping[str, Value | None]],
    *,
    images: Iterable[Layer] = (),
) -> None:
    """State values of single planes, all at once; None, or the file's value, takes one back."""
    for target in _same_channel(layer, companions(layer, images)):
        every = dict(layers.info(target).get("declared_planes", {}))
        wider = own_edits(target)
        for plane, own in values.items():
            stated = every.get(plane.key, {})
            for name, value in own.items():
                is_file = name not in wider and value == known.file_value(target, name, plane)
                stated = _with(stated, name, None if is_file else value)
            every[plane.key] = stated
        kept = {key: stated for key, stated in every.items() if stated}
        layers.update_info(target, declared_planes=kept)


def _same_channel(layer: Layer, same: Iterable[Layer]) -> list[Layer]:
    return [la for la in same if known.channel_of(la) == known.channel_of(layer)]


def _state_one(layer: Layer, plane: PlaneIndex, name: str, value: Value | None, at: Level) -> None:
    _keep_scale(layer)
    is_default = value is None or value == known.file_value(layer, name, plane)
    _put(layer, plane, name, None, at)
    if not is_default or (value is not None and known.field_of(layer, name, plane).value != value):
        _put(layer, plane, name, value, at)
    if name in calibration.AXES_OF:
        axes = calibration.AXES_OF[name]
        calibration.match_scale(layer, known.stated_record(layer), axes)


def _keep_scale(layer: Layer) -> None:
    """Turn a scale that was changed elsewhere into an edit like any other."""
    found = calibration.scale_statement(layer, known.stated_record(layer))
    if found:
        layers.update_info(layer, declared={**layers.info(layer).get("declared", {}), **found})


def _put(layer: Layer, plane: PlaneIndex, name: str, value: Value | None, at: Level) -> None:
    """Write one statement; taking one back takes it back wherever it would show."""
    entry = layers.info(layer)
    every: dict[str, Stated] = dict(entry.get("declared_planes", {}))
    if at == "plane":
        every[plane.key] = _with(every.get(plane.key, {}), name, value)
        every = {key: stated for key, stated in every.items() if stated}
        layers.update_info(layer, declared_planes=every)
        return
    image, channel = entry.get("declared", {}), entry.get("declared_channel", {})
    layers.update_info(
        layer,
        declared=_with(image, name, value if at == "image" else None),
        declared_channel=_with(channel, name, value if at == "channel" else None),
    )


def _with(stated: Stated, name: str, value: Value | None) -> dict[str, Value]:
    rest = {key: v for key, v in stated.items() if key != name}
    return rest if value is None else rest | {name: value}


def own_edits(layer: Layer, plane: PlaneIndex | None = None) -> dict[str, Value]:
    """What the user stated for the image, the layer's channel and perhaps one plane."""
    entry, record = layers.info(layer), known.stated_record(layer)
    found = {**entry.get("declared", {}), **calibration.scale_statement(layer, record)}
    found |= entry.get("declared_channel", {})
    if plane is not None:
        found |= entry.get("declared_planes", {}).get(plane.key, {})
    return found


def is_edited(layer: Layer) -> bool:
    """Whether anything was stated of the image, its channel or any of its planes."""
    return bool(own_edits(layer)) or bool(layers.info(layer).get("declared_planes"))


def revert_all(layer: Layer, images: Iterable[Layer] = ()) -> None:
    """Take back every edit of the image, of this channel and of its planes."""
    for target in companions(layer, images):
        axes = {a for n in own_edits(target) for a in calibration.AXES_OF.get(n, "")}
        layers.update_info(target, declared={})
        calibration.match_scale(target, known.file_record(target), axes)
    for target in _same_channel(layer, companions(layer, images)):
        layers.update_info(target, declared_channel={}, declared_planes={})


def copy_edits(source: Layer, targets: Iterable[Layer], images: Iterable[Layer] = ()) -> int:
    """State for each target what the user stated of `source` beyond single planes; how many."""
    stated, goals = own_edits(source), list(targets)
    for target in goals:
        state(target, PlaneIndex(), stated, images=images)
    return len(goals) if stated else 0
