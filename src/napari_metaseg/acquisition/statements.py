"""What a person stated of an image, apart from what its file says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    ChannelRecord,
    Field,
    PlaneRecord,
    Value,
)

PlaneIndex = tuple[int, int, int]
"""(c, z, t), zero-based."""


@dataclass(frozen=True)
class Statements:
    """Values that were stated outright: of the image, of channels, of planes by (c, z, t)."""

    image: Mapping[str, Value] = field(default_factory=dict)
    channels: Mapping[int, Mapping[str, Value]] = field(default_factory=dict)
    planes: Mapping[PlaneIndex, Mapping[str, Value]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything is stated."""
        narrower = (*self.channels.values(), *self.planes.values())
        return bool(self.image) or any(narrower)


def statements_of(record: AcquisitionRecord) -> Statements:
    """Everything that is declared with the source "user"."""
    channels = {c: _stated(channel.declared) for c, channel in enumerate(record.channels)}
    planes = {(p.c, p.z, p.t): _stated(p.declared) for p in record.planes}
    return Statements(
        _stated(record.declared),
        {c: values for c, values in channels.items() if values},
        {czt: values for czt, values in planes.items() if values},
    )


def apply_statements(
    record: AcquisitionRecord, statements: Statements, *, path: str
) -> AcquisitionRecord:
    """The record with the statements declared in it; `path` names where they stand.

    What the record declared before stays where the statements say nothing else.
    """
    record = record.declare(statements.image, path=path)
    for c, values in sorted(statements.channels.items()):
        record = record.declare_channel(c, values, path=path)
    return _declare_planes(record, statements.planes, path)


def overrule(
    record: AcquisitionRecord, values: Mapping[str, Value], *, path: str | None = None
) -> AcquisitionRecord:
    """The record with `values` declared of the image, above any statement of a channel or plane.

    What a cohort's cell or `--set` says holds for the whole image, whatever a sidecar says of a
    part of it.
    """
    narrower: tuple[ChannelRecord | PlaneRecord, ...] = (*record.channels, *record.planes)
    if any(name in part.declared for part in narrower if part.declared for name in values):
        channels = (replace(c, declared=_without(c.declared, values)) for c in record.channels)
        planes = (replace(p, declared=_without(p.declared, values)) for p in record.planes)
        record = replace(record, channels=tuple(channels), planes=tuple(planes))
    return record.declare(values, path=path)


def _without(declared: Mapping[str, Field], values: Mapping[str, Value]) -> dict[str, Field]:
    return {name: f for name, f in declared.items() if name not in values}


def _stated(declared: Mapping[str, Field]) -> dict[str, Value]:
    return {n: f.value for n, f in declared.items() if f.source == "user" and f.value is not None}


def _declare_planes(
    record: AcquisitionRecord, planes: Mapping[PlaneIndex, Mapping[str, Value]], path: str
) -> AcquisitionRecord:
    """All planes in one pass: one record per plane would take quadratic time for a long stack."""
    if not planes:
        return record
    old = {(p.c, p.z, p.t): p for p in record.planes}
    only = AcquisitionRecord()
    for czt, values in planes.items():
        one = replace(only, planes=(old[czt],) if czt in old else ())
        old[czt] = one.declare_plane(czt, values, path=path).planes[0]
    return replace(record, planes=tuple(old[czt] for czt in sorted(old)))
