"""What long work says while it runs (events), and the one way to stop it (a token).

Events are frozen and safe to hand from a worker thread to another thread.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.errors import Cancelled


class CancelToken:
    """A one-way switch shared by the caller (who sets it) and the work (which checks it).

    Thread-safe. Work checks it between steps or tiles, so it stops within one of them.
    """

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop; calling it again changes nothing."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether a stop was asked for."""
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        """Raise `Cancelled` once a stop was asked for."""
        if self.cancelled:
            raise Cancelled


@dataclass(frozen=True)
class Progress:
    """How far a job is: `done` of `total` units; `seconds_left` is None until it can be told."""

    done: int
    total: int
    message: str = ""
    seconds_left: float | None = None


@dataclass(frozen=True)
class CurvePoint:
    """One point of the training curve.

    `loss` is the mean training loss since the last point; `score` the validation Dice (macro over
    domains) or None between validations; `domains` the Dice of each domain by its label.
    """

    step: int
    loss: float
    score: float | None = None
    domains: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Notice:
    """One plain sentence that the user should see and that stops nothing.

    `concerns` is whether something may be amiss; else it only says what was chosen.
    """

    text: str
    concerns: bool = True


@dataclass(frozen=True)
class Preview:
    """What the network in training makes of the plane that was asked for, after so many steps.

    `probability` is that of a plane prediction: (1, Y, X), or background first.
    """

    step: int
    probability: NDArray[np.float32]


Event = Progress | CurvePoint | Notice | Preview
