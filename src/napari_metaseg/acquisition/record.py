"""The acquisition record: how one image was taken, each value with where it came from.

Names follow the OME data model (https://docs.openmicroscopy.org/ome-model/), units stand in the
names. A record is frozen; an edit makes a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

Value = float | bool | str
Source = Literal["file", "user", "inferred", "missing"]


@dataclass(frozen=True)
class Field:
    """One value of a record.

    `value` None is unknown (never 0 or "Other"); `path` says where in the file (or table, sidecar,
    widget) it stands; `original` is what stood there before conversion or edit.
    """

    value: Value | None = None
    source: Source = "missing"
    path: str | None = None
    original: Value | None = None

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        return self.value is not None


MISSING = Field()

IMAGE_FIELDS = (
    "objective_nominal_magnification",
    "total_magnification",
    "lens_na",
    "immersion",
    "refractive_index",
    "pixel_size_x_um",
    "pixel_size_y_um",
    "pixel_size_z_um",
    "detector",
    "microscope",
    "acquired_at",
)
CHANNEL_FIELDS = (
    "acquisition_mode",
    "contrast_method",
    "illumination_type",
    "exposure_time_ms",
    "excitation_nm",
    "emission_nm",
    "binning",
    "z_offset_um",
)
RECORD_FIELDS = frozenset(IMAGE_FIELDS + CHANNEL_FIELDS)


@dataclass(frozen=True)
class ChannelRecord:
    """One channel: its name and the `CHANNEL_FIELDS` that are known.

    `declared` holds what was stated of this channel alone; it wins over the same for the image.
    """

    name: str
    fields: Mapping[str, Field] = field(default_factory=dict)
    declared: Mapping[str, Field] = field(default_factory=dict)

    def get(self, name: str) -> Field:
        """The field of that name as it was declared, else as the file has it, or `MISSING`."""
        return self.declared.get(name) or self.fields.get(name, MISSING)


@dataclass(frozen=True)
class PlaneRecord:
    """One plane, where something varies from plane to plane (zero-based indices).

    `declared` holds what was stated of this plane alone; it wins over channel and image.
    """

    c: int
    z: int
    t: int
    position_z_um: float | None = None
    exposure_time_ms: float | None = None
    plane_offset_um: float | None = None
    declared: Mapping[str, Field] = field(default_factory=dict)


@dataclass(frozen=True)
class Conflict:
    """Two statements about the acquisition that cannot both hold; both are kept."""

    fields: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class AcquisitionRecord:
    """How one image was taken.

    `fields` holds the `IMAGE_FIELDS` that are known. `declared` holds fields of any family (see
    `fields.py`) that a person, a cohort table or a sidecar stated outright; they win over what the
    file says. `reported` are conflicts that the reader itself found.
    """

    fields: Mapping[str, Field] = field(default_factory=dict)
    channels: tuple[ChannelRecord, ...] = ()
    planes: tuple[PlaneRecord, ...] = ()
    declared: Mapping[str, Field] = field(default_factory=dict)
    reported: tuple[Conflict, ...] = ()

    def get(self, name: str) -> Field:
        """The image field of that name as declared, else as the file has it, or `MISSING`."""
        return self.declared.get(name) or self.fields.get(name, MISSING)

    def channel(self, index: int) -> ChannelRecord:
        """The channel at `index`, or an empty one where the file described none."""
        return self.channels[index] if index < len(self.channels) else ChannelRecord(name="")

    def plane(self, c: int, z: int, t: int) -> PlaneRecord | None:
        """The plane entry of that channel, z and time, or None."""
        return next((p for p in self.stack(c, t) if p.z == z), None)

    def stack(self, c: int, t: int) -> tuple[PlaneRecord, ...]:
        """The plane entries of that channel and time."""
        return self._stacks.get((c, t), ())

    @cached_property
    def _stacks(self) -> Mapping[tuple[int, int], tuple[PlaneRecord, ...]]:
        """Built once: a long stack asks for each of its planes."""
        stacks: dict[tuple[int, int], list[PlaneRecord]] = {}
        for plane in self.planes:
            stacks.setdefault((plane.c, plane.t), []).append(plane)
        return {key: tuple(planes) for key, planes in stacks.items()}

    def declare(
        self,
        values: Mapping[str, Value | None],
        *,
        source: Source = "user",
        path: str | None = None,
    ) -> AcquisitionRecord:
        """A record in which `values` (fields of any family) are stated outright of the image.

        None takes a statement back, so that the file's own value shows again.
        """
        return replace(self, declared=_stated(self.declared, self.fields, values, source, path))

    def declare_channel(
        self,
        c: int,
        values: Mapping[str, Value | None],
        *,
        source: Source = "user",
        path: str | None = None,
    ) -> AcquisitionRecord:
        """The same for channel `c` alone."""
        padding = (ChannelRecord(name=""),) * (c + 1 - len(self.channels))
        channels = [*self.channels, *padding]
        old = channels[c]
        declared = _stated(old.declared, old.fields, values, source, path)
        channels[c] = replace(old, declared=declared)
        return replace(self, channels=tuple(channels))

    def declare_plane(
        self,
        czt: tuple[int, int, int],
        values: Mapping[str, Value | None],
        *,
        source: Source = "user",
        path: str | None = None,
    ) -> AcquisitionRecord:
        """The same for the plane at channel, z and time alone."""
        planes = {(p.c, p.z, p.t): p for p in self.planes}
        old = planes.get(czt, PlaneRecord(*czt))
        planes[czt] = replace(old, declared=_stated(old.declared, {}, values, source, path))
        return replace(self, planes=tuple(planes[key] for key in sorted(planes)))


def _stated(
    declared: Mapping[str, Field],
    fields: Mapping[str, Field],
    values: Mapping[str, Value | None],
    source: Source,
    path: str | None,
) -> dict[str, Field]:
    """`declared` with `values` put in, and taken out where None; `fields` says what was before."""
    stated = dict(declared)
    for name, value in values.items():
        stated.pop(name, None)
        if value is not None:
            before = fields.get(name, MISSING).value
            stated[name] = Field(value, source, path, value if before is None else before)
    return stated
