"""Undo and redo of edits, in layers and in files that are not open; a step may change several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias
from weakref import ref

from napari.layers import Layer

from napari_metaseg.acquisition.record import Value
from napari_metaseg.plugin import layers

_EDITS = ("declared", "declared_channel", "declared_planes")


@dataclass(frozen=True)
class Snapshot:
    """All that an edit can change in a layer."""

    of: tuple[Any, ...]
    """Which image and channel the layer showed: of a plate it may show another later."""
    edits: tuple[Mapping[str, Any], ...]
    scale: tuple[float, ...]
    units: tuple[Any, ...]

    @property
    def declared(self) -> Mapping[str, Value]:
        """The edits that hold for the whole image."""
        return self.edits[0]


def snapshot(layer: Layer) -> Snapshot:
    """The layer's edits and scale as they stand."""
    entry = layers.info(layer)
    edits = tuple(entry.get(name, {}) for name in _EDITS)
    return Snapshot(_shown_by(layer), edits, tuple(layer.scale), tuple(layer.units))


def _shown_by(layer: Layer) -> tuple[Any, ...]:
    entry = layers.info(layer)
    return tuple(entry.get(name) for name in ("path", "scene", "channel"))


class Editable(Protocol):
    """What is no layer and can be edited all the same, such as a row of a cohort."""

    name: str

    def snapshot(self) -> Any:
        """All that an edit can change, as a value."""

    def restore(self, state: Any) -> None:
        """Bring it back to what `snapshot` saw."""


Target: TypeAlias = Layer | Editable


def _look(target: Target) -> Any:
    return snapshot(target) if isinstance(target, Layer) else target.snapshot()


def _bring_back(target: Target, state: Any) -> None:
    restore(target, state) if isinstance(target, Layer) else target.restore(state)


def restore(layer: Layer, state: Snapshot) -> None:
    """Bring the layer's edits and scale back to what `snapshot` saw."""
    if tuple(layer.units) != state.units:
        layer.units = state.units
    if tuple(layer.scale) != state.scale:
        layer.scale = state.scale
    layers.update_info(layer, **dict(zip(_EDITS, state.edits, strict=True)))


@dataclass(frozen=True)
class _Change:
    target: ref[Any]
    before: Any
    after: Any


_Step = tuple[_Change, ...]


@dataclass
class History:
    """The steps that were made and those that were undone; layers that are gone are skipped."""

    _done: list[_Step] = field(default_factory=list)
    _undone: list[_Step] = field(default_factory=list)

    @contextmanager
    def step(self, targets: Iterable[Target]) -> Iterator[None]:
        """Remember as one step what changes in these targets within the block."""
        before = {target: _look(target) for target in targets}
        yield
        self.record(before)

    def record(self, before: Mapping[Target, Any]) -> bool:
        """Remember that targets changed from `before` to what they are now; whether any did."""
        now = {target: _look(target) for target in before}
        changed = [target for target in before if now[target] != before[target]]
        if changed:
            self._done.append(tuple(_Change(ref(t), before[t], now[t]) for t in changed))
            self._undone.clear()
        return bool(changed)

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is an edit to make again."""
        return bool(self._undone)

    def undo(self) -> list[Any]:
        """Take back the last step; what it was made in."""
        return _move(self._done, self._undone, lambda change: change.before)

    def redo(self) -> list[Any]:
        """Make the last undone step again; what it is made in."""
        return _move(self._undone, self._done, lambda change: change.after)


def _still_there(change: _Change) -> Any:
    """What was changed, unless it is gone or shows something else now."""
    target = change.target()
    if isinstance(target, Layer) and _shown_by(target) != change.before.of:
        return None
    return target


def _move(source: list[_Step], goal: list[_Step], state: Callable[[_Change], Any]) -> list[Any]:
    while source:
        step = source.pop()
        left = [(change, target) for change in step if (target := _still_there(change))]
        if left:
            goal.append(step)
            for change, target in left:
                _bring_back(target, state(change))
            return [target for _, target in left]
    return []
