"""The rows of the cohort view: a layer, an image of a file, or a row of a cohort table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from napari.layers import Layer

from napari_metaseg.acquisition.record import MISSING, AcquisitionRecord, Field, Value
from napari_metaseg.acquisition.statements import Statements, apply_statements
from napari_metaseg.images.sidecar import sidecar_path
from napari_metaseg.plugin import edits, known, layers
from napari_metaseg.plugin.history import Target
from napari_metaseg.plugin.layers import PlaneIndex
from napari_metaseg.plugin.words import shown

IN_TABLE = "the table"


class Entry(ABC):
    """One row: what is known of an image, and how to state more.

    `extra` holds the columns that are no fields of the acquisition.
    """

    name: str
    path: Path | None = None
    scene: str = ""
    channel: str = ""
    labels: Path | None = None
    label_kind: str = ""
    group: str = ""
    extra: Mapping[str, str] = MappingProxyType({})

    @abstractmethod
    def field(self, name: str) -> Field:
        """What is known of a field of the image as a whole."""

    @abstractmethod
    def varying(self, name: str) -> str:
        """The range of a field that differs from plane to plane, or empty."""

    @abstractmethod
    def is_plane_field(self, name: str) -> bool:
        """Whether the field belongs to single planes, so that no one value can be stated."""

    @abstractmethod
    def state(self, values: Mapping[str, Value | None]) -> None:
        """State values; None takes one back."""

    @abstractmethod
    def targets(self) -> Sequence[Target]:
        """What an edit of this row changes, for the history."""


class LayerEntry(Entry):
    """A layer: an edit goes into it and its companions."""

    def __init__(self, layer: Layer, images: Callable[[], Sequence[Layer]]) -> None:
        self.layer, self._images = layer, images
        entry = layers.info(layer)
        self.name = layer.name
        self.path = Path(entry["path"]) if entry.get("path") else None
        self.scene = str(entry.get("scene", ""))
        self.group = str(entry.get("group", ""))
        self.channel = known.record_of(layer).channel(known.channel_of(layer)).name

    def field(self, name: str) -> Field:
        """What is known of the layer as a whole."""
        return known.field_of(self.layer, name)

    def varying(self, name: str) -> str:
        """The range over its planes."""
        if not self.is_plane_field(name) or self.field(name).known:
            return ""
        planes = layers.planes(self.layer)
        return value_range([known.field_of(self.layer, name, p).value for p in planes])

    def is_plane_field(self, name: str) -> bool:
        """Whether the layer is a stack and the field one of its planes'."""
        return name in edits.PLANE_FIELDS and len(layers.planes(self.layer)) > 1

    def state(self, values: Mapping[str, Value | None]) -> None:
        """State values of the layer."""
        edits.state(self.layer, PlaneIndex(), values, images=self._images())

    def targets(self) -> Sequence[Target]:
        """The layer and its companions."""
        return edits.companions(self.layer, self._images())


class FileImage:
    """An image of a file that is not open, with what was stated of it here or in its sidecar."""

    def __init__(
        self, path: Path, scene: str, record: AcquisitionRecord, stated: Statements, planes: int
    ) -> None:
        self.path, self.scene, self.record, self.planes = path, scene, record, planes
        self.name = f"{path.name} · {scene}"
        self.stated = self.saved = stated
        self._cached: tuple[Statements, AcquisitionRecord] | None = None

    @property
    def known(self) -> AcquisitionRecord:
        """The record with what was stated."""
        if self._cached is None or self._cached[0] is not self.stated:
            name = sidecar_path(self.path).name
            self._cached = (self.stated, apply_statements(self.record, self.stated, path=name))
        return self._cached[1]

    @property
    def unsaved(self) -> bool:
        """Whether something was stated that the sidecar does not have."""
        return self.stated != self.saved

    def mark_saved(self) -> None:
        """What is stated now stands in the sidecar."""
        self.saved = self.stated

    def snapshot(self) -> Statements:
        """What is stated."""
        return self.stated

    def restore(self, state: Statements) -> None:
        """State what was stated before."""
        self.stated = state


class FileEntry(Entry):
    """One channel of an image of a file: an edit is kept here until it is saved beside it."""

    def __init__(self, image: FileImage, c: int, name: str) -> None:
        self.image, self._c, self.name = image, c, name
        self.path = image.path
        self.scene, self.channel = image.scene, image.record.channel(c).name

    def field(self, name: str) -> Field:
        """What is known of the channel as a whole."""
        return known.field_in(self.image.known, self._c, name, None)

    def varying(self, name: str) -> str:
        """The range over its planes."""
        if not self.is_plane_field(name) or self.field(name).known:
            return ""
        record, c = self.image.known, self._c
        own = [PlaneIndex(p.z, p.t) for p in record.planes if p.c == c]
        return value_range([known.field_in(record, c, name, plane).value for plane in own])

    def is_plane_field(self, name: str) -> bool:
        """Whether the image is a stack and the field one of its planes'."""
        return name in edits.PLANE_FIELDS and self.image.planes > 1

    def state(self, values: Mapping[str, Value | None]) -> None:
        """State values of the image, or of the channel where they belong to one."""
        image, channels = dict(self.image.stated.image), dict(self.image.stated.channels)
        own = dict(channels.get(self._c, {}))
        for name, value in values.items():
            file = known.field_in(self.image.record, self._c, name, None).value
            for stated in (image, own):
                stated.pop(name, None)
            if value is not None and value != file:
                (own if name in edits.CHANNEL_LEVEL else image)[name] = value
        channels = {**channels, self._c: own} if own else _without(channels, self._c)
        self.image.stated = Statements(image, channels, self.image.stated.planes)

    def targets(self) -> Sequence[Target]:
        """The image that the channel is of."""
        return [self.image]


class TableEntry(Entry):
    """A row of a cohort table in `folder`: its cells win over what the image itself says."""

    def __init__(self, folder: Path, cells: Mapping[str, str], stated: Mapping[str, Value]) -> None:
        self.name = cells.get("sample") or Path(cells["image"]).name
        self.folder, self.path = folder, folder / cells["image"]
        self.scene, self.channel = cells.get("scene", ""), cells.get("channel", "")
        self.extra = dict(cells)
        self.stated = dict(stated)
        self.file: FileEntry | None = None

    def field(self, name: str) -> Field:
        """The table's value, else the image's own."""
        if name in self.stated:
            return Field(self.stated[name], "user", IN_TABLE, self.stated[name])
        return self.file.field(name) if self.file is not None else MISSING

    def varying(self, name: str) -> str:
        """The range over the planes of the image."""
        return "" if name in self.stated or self.file is None else self.file.varying(name)

    def is_plane_field(self, name: str) -> bool:
        """A table may state one value for all planes."""
        return False

    def state(self, values: Mapping[str, Value | None]) -> None:
        """Put values into the table's cells."""
        for name, value in values.items():
            self.stated = _without(self.stated, name) | ({} if value is None else {name: value})

    def put(self, column: str, text: str) -> None:
        """Put text into a column that is no field."""
        self.extra = {**self.extra, column: text}

    def snapshot(self) -> Any:
        """Every cell."""
        return dict(self.stated), dict(self.extra)

    def restore(self, state: Any) -> None:
        """Bring every cell back."""
        self.stated, self.extra = dict(state[0]), dict(state[1])

    def targets(self) -> Sequence[Target]:
        """The row itself."""
        return [self]


def value_range(values: Sequence[Value | None]) -> str:
    """Such as `-9 … 9` or `no / yes`; empty where nothing is known."""
    found = {value for value in values if value is not None}
    numbers = sorted(v for v in found if isinstance(v, float | int) and not isinstance(v, bool))
    if numbers and len(numbers) == len(found):
        return (
            shown(numbers[0]) if len(found) == 1 else f"{shown(numbers[0])} … {shown(numbers[-1])}"
        )
    return " / ".join(sorted(shown(v) for v in found))


def _without(values: Mapping[Any, Any], key: Any) -> dict[Any, Any]:
    return {k: v for k, v in values.items() if k != key}
