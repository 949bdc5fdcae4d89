"""What an inspection finds, as plain values: for the terminal, JSON, tables and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.acquisition.record import Value

Quantity = Literal["weights", "biases", "outputs"]


@dataclass(frozen=True)
class Move:
    """What one value of one field changes, the other fields staying as the sample has them.

    `weights`, `biases` and `outputs` are relative changes by layer (0.1 is 10 %); `weights` and
    `biases` are empty where the method does not fold. `mask_changed` is the part of the mask that
    changes: pixels whose class differs / pixels of foreground before or after. `area` is the part
    of the image that is foreground; `members` says what each
    network used counts, where there are several.
    """

    value: Value | None
    label: str
    weights: Mapping[str, float]
    biases: Mapping[str, float]
    outputs: Mapping[str, float]
    mask_changed: float
    probability_moved: float
    area: float
    members: Mapping[str, float] = field(default_factory=dict)
    classes: NDArray[np.uint8] = field(
        default_factory=lambda: np.zeros((0, 0), np.uint8), repr=False, compare=False
    )


@dataclass(frozen=True)
class CurvePoint:
    """The result for one number of a field: foreground area and mean foreground probability."""

    value: float
    area: float
    probability: float
    clamped: bool


@dataclass(frozen=True)
class FieldReport:
    """Everything found about one field. `moves` ends with the unknown value."""

    name: str
    kind: str
    sample_value: Value | None
    trained: str
    moves: tuple[Move, ...]
    curve: tuple[CurvePoint, ...] = ()
    trained_values: tuple[Value, ...] = ()
    trained_range: tuple[float, float] | None = None
    seen_by_network: bool = True
    transform: str = "linear"

    @property
    def known(self) -> tuple[Move, ...]:
        """The moves to known values."""
        return tuple(move for move in self.moves if move.value is not None)

    @property
    def unknown(self) -> Move | None:
        """The move to the unknown value."""
        return next((move for move in self.moves if move.value is None), None)

    @property
    def mask_changed(self) -> float:
        """The most that a known value changes the mask."""
        return max((move.mask_changed for move in self.known), default=0.0)

    def most(self, quantity: Quantity) -> dict[str, float]:
        """By layer, the most that a known value moves it."""
        found: dict[str, float] = {}
        for move in self.known:
            for layer, change in getattr(move, quantity).items():
                found[layer] = max(found.get(layer, 0.0), change)
        return found


@dataclass(frozen=True)
class Inspection:
    """One package, looked at with its own sample image (C, Y, X of raw intensities)."""

    package: str
    strategy: str
    method: str
    members: tuple[str, ...]
    condition: Condition
    layers: tuple[str, ...]
    fields: tuple[FieldReport, ...]
    notices: tuple[str, ...]
    image: NDArray[np.float32] = field(repr=False, compare=False)
    classes: NDArray[np.uint8] = field(repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """What inspect.json holds and `--json` prints."""
        from napari_metaseg.inspection.verdict import verdict_of, verdicts

        return {
            "package": self.package,
            "strategy": self.strategy,
            "method": self.method,
            "members": list(self.members),
            "sample": dict(self.condition),
            "layers": list(self.layers),
            "verdict": " ".join(verdicts(self)),
            "fields": [field_json(report, verdict_of(report)) for report in self.fields],
            "notices": list(self.notices),
        }


def field_json(report: FieldReport, verdict: str) -> dict[str, Any]:
    """One field for JSON."""
    unknown = report.unknown
    return {
        "field": report.name,
        "sample_value": report.sample_value,
        "trained": report.trained,
        "seen_by_network": report.seen_by_network,
        "mask_changed": report.mask_changed,
        "mask_changed_when_unknown": unknown.mask_changed if unknown else None,
        "weights": report.most("weights"),
        "biases": report.most("biases"),
        "outputs": report.most("outputs"),
        "verdict": verdict,
        "values": [_move_json(move) for move in report.moves],
        "curve": [vars(point) for point in report.curve],
    }


def _move_json(move: Move) -> dict[str, Any]:
    values = {name: value for name, value in vars(move).items() if name not in ("classes", "label")}
    return values | {
        "weights": dict(move.weights),
        "biases": dict(move.biases),
        "outputs": dict(move.outputs),
        "members": dict(move.members),
    }
