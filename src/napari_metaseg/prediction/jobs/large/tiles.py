"""What networks say of a large plane, tile by tile into its file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from napari_metaseg.datasets.pixels import Raw
from napari_metaseg.events import CancelToken, Event
from napari_metaseg.prediction.jobs.large.grid import DiskGrid
from napari_metaseg.prediction.jobs.large.meter import LEVELS, TILES, Meter
from napari_metaseg.prediction.jobs.large.work import LargeWork, edges
from napari_metaseg.prediction.jobs.plan import ImageTask
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.tiling import Place
from napari_metaseg.prediction.view import RawPlane


@dataclass(frozen=True)
class _Watched:
    """A plane that is no longer read once a stop was asked for."""

    raw: RawPlane
    token: CancelToken

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.raw.shape

    def read(self, rows: slice, columns: slice) -> Raw:
        self.token.raise_if_cancelled()
        return self.raw.read(rows, columns)


def predict_tiles(
    predictor: Predictor,
    task: ImageTask,
    work: LargeWork,
    number: int,
    raw: RawPlane,
    meter: Meter,
    token: CancelToken,
) -> Iterator[Event]:
    """Write all tiles of a plane that are not there yet; yields progress.

    A tile counts as written once the journal names it, with a checksum of what was written.
    """
    said = work.plane(number).said
    written = _Written(said, work.tiles(number))
    if work.notices(number) is not None and written.all():
        return
    raw, condition = _Watched(raw, token), task.conditions[number]
    levels = work.levels(number)
    if levels is None:
        levels = predictor.levels(raw, condition)
        work.add_levels(number, levels)
        yield meter.add(meter.plane_px, LEVELS)
    view = predictor.view(raw, condition, levels)
    per_seen = meter.plane_px / prod(said.shape[-2:])
    tiles = predictor.stream(
        view, condition, token=token, wanted=lambda place: not written.has(_within(place, said))
    )
    for place, probability, depth in tiles:
        values = probability if depth is None else np.concatenate([probability, depth[None]])
        place = _within(place, said)
        rows, columns = place
        said[place] = values[:, : rows.stop - rows.start, : columns.stop - columns.start]
        work.add_tile(number, place, said.checksum(place))
        yield meter.add((rows.stop - rows.start) * (columns.stop - columns.start) * per_seen, TILES)
    work.add_notices(number, predictor.notices(condition))


@dataclass(frozen=True)
class _Written:
    """The tiles that the journal names."""

    said: DiskGrid
    checksums: dict[tuple[int, ...], int]

    def has(self, place: Place) -> bool:
        """Whether the tile is there as it was written."""
        return self.checksums.get(edges(place)) == self.said.checksum(place)

    def all(self) -> bool:
        """Whether all that are named are there."""
        return all(self.has((slice(a, b), slice(c, d))) for a, b, c, d in self.checksums)


def _within(place: Place, said: DiskGrid) -> Place:
    """A place that may end a little beyond the plane, up to its end."""
    rows, columns = place
    height, width = said.shape[-2:]
    return slice(rows.start, min(rows.stop, height)), slice(columns.start, min(columns.stop, width))
