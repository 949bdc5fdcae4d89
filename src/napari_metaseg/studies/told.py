"""What a network is told of the test images: the truth, nothing, or something else, on purpose."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.acquisition.record import Value
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.studies.arms import MetadataAtTest

_SEED = 2026
_NOISE_OCTAVES = 0.25
_FLIPPED = 0.2
_TOGETHER = frozenset({"magnification", "pixel_size_um"})
"""One is the other's inverse: a record that has one of them wrong has both wrong."""

Trained = Mapping[str, tuple[Value, ...]]
_Change = Callable[[Condition, "Trained", np.random.Generator], dict[str, Value]]


def told(
    how: MetadataAtTest,
    items: Sequence[PlaneItem],
    training: Sequence[PlaneItem],
    fields: Sequence[str],
) -> list[Condition]:
    """The condition of every test item as the network is told it; always the same.

    true: as it is. withheld: nothing. wrong: of every field another value that occurs in training:
    the farthest number (as a ratio where all are above 0), the next category. random: the fields of
    a trained combination drawn with equal chance, by chance the true one too. noisy: numbers times
    2^N(0, 0.25), and one category in five drawn from the trained others. `fields` (empty: all that
    training knows) are changed and no others; magnification and pixel size, which determine each
    other, go together. A field that an image does not have, or that training never saw, stays as it
    is.
    """
    if how == "true":
        return [item.condition for item in items]
    if how == "withheld":
        return [{} for _ in items]
    if how == "random":
        return _drawn(items, training, _changed(fields, training))
    change = {"wrong": _wrong, "noisy": _noisy}[how]
    trained = _trained(training, _changed(fields, training))
    rng = np.random.default_rng(_SEED)
    return [{**item.condition, **change(item.condition, trained, rng)} for item in items]


def _changed(fields: Sequence[str], training: Sequence[PlaneItem]) -> tuple[str, ...]:
    known = sorted({name for item in training for name in item.condition})
    wanted = set(fields) or set(known)
    if wanted & _TOGETHER:
        wanted |= _TOGETHER
    return tuple(name for name in known if name in wanted)


def _trained(training: Sequence[PlaneItem], fields: Sequence[str]) -> Trained:
    return {
        name: tuple(sorted({i.condition[name] for i in training if name in i.condition}, key=_rank))
        for name in fields
    }


def _rank(value: Value) -> tuple[int, float, str]:
    return (0, float(value), "") if _is_number(value) else (1, 0.0, str(value))


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wrong(condition: Condition, trained: Trained, rng: np.random.Generator) -> dict[str, Value]:
    return {n: _another(condition[n], values) for n, values in trained.items() if n in condition}


def _another(value: Value, trained: Sequence[Value]) -> Value:
    if _is_number(value):
        numbers = [float(v) for v in (value, *trained)]
        scale = math.log if min(numbers) > 0 else float
        return max(trained, key=lambda v: abs(scale(float(v)) - scale(numbers[0])))
    others = [v for v in trained if v != value]
    after = [v for v in others if str(v) > str(value)]
    return (after or others or [value])[0]


def _noisy(condition: Condition, trained: Trained, rng: np.random.Generator) -> dict[str, Value]:
    octaves = float(rng.normal(0.0, _NOISE_OCTAVES))
    noisy: dict[str, Value] = {}
    for name, values in trained.items():
        own = float(rng.normal(0.0, _NOISE_OCTAVES))
        flips, draw = rng.random() < _FLIPPED, rng.random()
        if name not in condition:
            continue
        value = condition[name]
        if _is_number(value):
            shift = {"magnification": octaves, "pixel_size_um": -octaves}.get(name, own)
            noisy[name] = float(value) * 2.0**shift
        else:
            others = [v for v in values if v != value]
            noisy[name] = others[int(draw * len(others))] if flips and others else value
    return noisy


def _drawn(
    items: Sequence[PlaneItem], training: Sequence[PlaneItem], fields: Sequence[str]
) -> list[Condition]:
    rng = np.random.default_rng(_SEED)
    seen = {tuple((n, i.condition.get(n)) for n in fields) for i in training}
    combinations = [dict(one) for one in sorted(seen, key=repr)]
    return [
        _laid_over(item.condition, combinations[int(rng.integers(len(combinations)))])
        for item in items
    ]


def _laid_over(condition: Condition, drawn: Mapping[str, Value | None]) -> Condition:
    """The fields that the image has, as drawn; what the drawn combination lacks is unknown."""
    changed = {name: drawn.get(name, value) for name, value in condition.items()}
    return {name: value for name, value in changed.items() if value is not None}
