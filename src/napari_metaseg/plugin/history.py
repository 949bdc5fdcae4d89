"""Undo and redo of edits, across layers; one step may have changed several of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import ref

from napari.layers import Layer

from napari_metaseg.acquisition.record import Value
from napari_metaseg.plugin import layers

_EDITS = ("declared", "declared_channel", "declared_planes")


@dataclass(frozen=True)
class Snapshot:
    """All that an edit can change in a layer."""

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
    return Snapshot(edits, tuple(layer.scale), tuple(layer.units))


def restore(layer: Layer, state: Snapshot) -> None:
    """Bring the layer's edits and scale back to what `snapshot` saw."""
    if tuple(layer.units) != state.units:
        layer.units = state.units
    if tuple(layer.scale) != state.scale:
        layer.scale = state.scale
    layers.update_info(layer, **dict(zip(_EDITS, state.edits, strict=True)))


@dataclass(frozen=True)
class _Change:
    layer: ref[Layer]
    before: Snapshot
    after: Snapshot


_Step = tuple[_Change, ...]


@dataclass
class History:
    """The steps that were made and those that were undone; layers that are gone are skipped."""

    _done: list[_Step] = field(default_factory=list)
    _undone: list[_Step] = field(default_factory=list)

    @contextmanager
    def step(self, targets: Iterable[Layer]) -> Iterator[None]:
        """Remember as one step what changes in these layers within the block."""
        before = {layer: snapshot(layer) for layer in targets}
        yield
        self.record(before)

    def record(self, before: Mapping[Layer, Snapshot]) -> bool:
        """Remember that layers changed from `before` to what they are now; whether any did."""
        now = {layer: snapshot(layer) for layer in before}
        made = tuple(
            _Change(ref(la), before[la], now[la]) for la in before if now[la] != before[la]
        )
        if made:
            self._done.append(made)
            self._undone.clear()
        return bool(made)

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is an edit to make again."""
        return bool(self._undone)

    def undo(self) -> list[Layer]:
        """Take back the last step; the layers it was made in."""
        while self._done:
            step = self._done.pop()
            if changed := [(c, la) for c in step if (la := c.layer()) is not None]:
                self._undone.append(step)
                for change, layer in changed:
                    restore(layer, change.before)
                return [layer for _, layer in changed]
        return []

    def redo(self) -> list[Layer]:
        """Make the last undone step again; the layers it is made in."""
        while self._undone:
            step = self._undone.pop()
            if changed := [(c, la) for c in step if (la := c.layer()) is not None]:
                self._done.append(step)
                for change, layer in changed:
                    restore(layer, change.after)
                return [layer for _, layer in changed]
        return []
