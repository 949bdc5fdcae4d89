"""How far the work on a large image is, in pixels weighed by what they cost."""

from __future__ import annotations

from math import prod

from napari_metaseg.events import Progress
from napari_metaseg.prediction.jobs.large.work import LargeWork
from napari_metaseg.prediction.jobs.plan import ImageTask

LEVELS, TILES, OBJECTS, RESULTS = 0.05, 1.0, 0.5, 0.3
"""What a pixel costs in each phase: measured on a CPU with the default network, tiles being 1."""
_PARTS = 1000


class Meter:
    """Counts what is left to do when it is made, so that a time left follows from it."""

    def __init__(self, task: ImageTask, work: LargeWork) -> None:
        self.plane_px = prod(task.shape)
        self._name = task.row.name
        self._done = 0.0
        self._total = RESULTS * task.pixels
        for number in range(len(task.planes)):
            self._total += self._left(work, number)

    def add(self, pixels: float, cost: float) -> Progress:
        """Count so many pixels of a phase as done."""
        self._done = min(self._done + pixels * cost, self._total)
        return Progress(int(_PARTS * self._done / self._total), _PARTS, self._name)

    def _left(self, work: LargeWork, number: int) -> float:
        if work.objects(number) is not None:
            return 0
        tiles = sum((b - a) * (d - c) for a, b, c, d in work.tiles(number))
        levels = 0 if work.levels(number) else LEVELS
        seen = prod(work.plane(number).said.shape[-2:])
        share = max(0.0, 1 - tiles / seen)
        return self.plane_px * (levels + TILES * share + OBJECTS)
