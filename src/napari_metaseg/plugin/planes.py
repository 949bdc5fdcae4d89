"""The planes of a stack as a sheet: what differs from plane to plane, and its edits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari.layers import Layer

from napari_metaseg.acquisition.condition import derive_condition
from napari_metaseg.acquisition.fields import CONDITION_FIELDS, parse_value
from napari_metaseg.acquisition.record import Field, Value
from napari_metaseg.errors import InputError
from napari_metaseg.plugin import edits, known, layers
from napari_metaseg.plugin.history import History
from napari_metaseg.plugin.layers import PlaneIndex
from napari_metaseg.plugin.sheet import Cell
from napari_metaseg.plugin.words import shown


@dataclass(frozen=True)
class _Column:
    title: str
    name: str
    tip: str


_INDEX = {
    "Z": _Column("z", "z", "Number of the plane along z, counted from 1"),
    "T": _Column("t", "t", "Number of the time point, counted from 1"),
}
_POSITION = _Column("Stage\nµm", "position", "Height of the stage, as the file says")
_FIELDS = (
    _Column("Offset\nµm", "plane_offset_um", "Distance from the plane in focus"),
    _Column("Exp.\nms", "exposure_ms", "Exposure of this plane"),
    _Column("In\nfocus", "in_focus", "Whether the plane is in focus: yes or no"),
)


class PlaneSheet:
    """A row a plane of one layer; what it writes goes into the layer, as one step to undo."""

    def __init__(self, layer: Layer | None, images: Sequence[Layer], history: History) -> None:
        self._layer, self._images, self._history = layer, images, history
        self.planes = [] if layer is None else layers.planes(layer)
        record = None if layer is None else known.record_of(layer)
        self._record: Any = record
        self._rows: dict[int, dict[str, Field]] = {}
        shown_axes = [a for a in "ZT" if layer is not None and layers.size(layer, a) > 1]
        has_stage = record is not None and any(p.position_z_um is not None for p in record.planes)
        self._columns = (
            *(_INDEX[axis] for axis in shown_axes),
            *((_POSITION,) if has_stage else ()),
            *_FIELDS,
        )

    @property
    def row_count(self) -> int:
        """How many planes there are."""
        return len(self.planes)

    @property
    def columns(self) -> Sequence[str]:
        """What the columns are called."""
        return [column.title for column in self._columns]

    def tip(self, column: int) -> str:
        """What a column is."""
        return self._columns[column].tip

    def text(self, row: int, column: int) -> str:
        """The value as people write it."""
        name, plane = self._columns[column].name, self.planes[row]
        if name in ("z", "t"):
            return str(getattr(plane, name) + 1)
        if name == "position":
            own = self._record.plane(known.channel_of(self._layer), plane.z, plane.t)
            return shown(own.position_z_um if own else None)
        return shown(self.field(row, column).value)

    def field(self, row: int, column: int) -> Field:
        """The field behind a cell that can be edited, or one that is missing."""
        if row not in self._rows:
            plane, c = self.planes[row], known.channel_of(self._layer) if self._layer else 0
            self._rows[row] = derive_condition(self._record, c=c, z=plane.z, t=plane.t)
        return self._rows[row].get(self._columns[column].name, Field())

    def editable(self, row: int, column: int) -> bool:
        """Whether the column is a field and not where the plane is."""
        return self._columns[column].name in CONDITION_FIELDS

    def problem(self, row: int, column: int, text: str) -> str:
        """Why the text does not fit the field, or empty."""
        try:
            parse_value(self._columns[column].name, text)
        except InputError as error:
            return str(error)
        return ""

    def write(self, texts: Mapping[Cell, str]) -> None:
        """State values of planes, as one step."""
        values: dict[PlaneIndex, dict[str, Value | None]] = {}
        for (row, column), text in texts.items():
            name = self._columns[column].name
            values.setdefault(self.planes[row], {})[name] = parse_value(name, text)
        self.state(values)

    def state(self, values: Mapping[PlaneIndex, Mapping[str, Value | None]]) -> None:
        """State values of planes, as one step."""
        layer = self._layer
        if layer is None:
            return
        with self._history.step(edits.companions(layer, self._images)):
            edits.state_planes(layer, values, images=self._images)


def offsets(
    planes: Sequence[PlaneIndex], focus_z: int, step_um: float
) -> dict[PlaneIndex, dict[str, Value | None]]:
    """Each plane's signed distance from the plane in focus, from the step between planes."""
    return {plane: {"plane_offset_um": round((plane.z - focus_z) * step_um, 6)} for plane in planes}
