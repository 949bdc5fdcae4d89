"""What the network in training makes of one plane, now and then, for a person who watches."""

from __future__ import annotations

import time

from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.events import Preview
from napari_metaseg.prediction.predictor import Predictor

_FIRST_STEP = 10
_MOST_SHARE = 0.1
_LEAST_PAUSE_S = 0.5


class Previews:
    """Decides when to predict a plane, so that it takes at most a tenth of the training's time."""

    def __init__(self, plane: PlaneItem | None) -> None:
        self._plane = plane
        self._started = self._last = time.monotonic()
        self._spent_s = 0.0

    def due(self, step: int) -> bool:
        """Whether it is time for one, after so many steps of the run."""
        if self._plane is None or step < _FIRST_STEP:
            return False
        now = time.monotonic()
        paused = now - self._last >= _LEAST_PAUSE_S
        cheap = self._spent_s <= _MOST_SHARE * (now - self._started)
        return self._spent_s == 0 or (paused and cheap)

    def make(self, predictor: Predictor, step: int) -> Preview:
        """Predict the plane."""
        assert self._plane is not None
        start = time.monotonic()
        probability = predictor.probability(self._plane.image, self._plane.condition)
        self._last = time.monotonic()
        self._spent_s += self._last - start
        return Preview(step, probability)
