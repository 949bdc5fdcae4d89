"""Predict an image of any size: memory is bounded by tiles and blocks, and no work is lost."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path

from napari_metaseg.datasets.source_plane import SourcePlane
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, Event
from napari_metaseg.images.zarr.library import require_ome_zarr
from napari_metaseg.prediction.jobs.large.meter import Meter
from napari_metaseg.prediction.jobs.large.objects import find_objects
from napari_metaseg.prediction.jobs.large.results import write_large_results
from napari_metaseg.prediction.jobs.large.tiles import predict_tiles
from napari_metaseg.prediction.jobs.large.work import LargeWork
from napari_metaseg.prediction.jobs.plan import ImageTask
from napari_metaseg.prediction.jobs.results import PredictionEntry
from napari_metaseg.prediction.predictor import Predictor

_FULL = (ENOSPC, EDQUOT, EFBIG)


def predict_large(
    predictor: Predictor, task: ImageTask, out: Path, token: CancelToken
) -> Generator[Event, None, PredictionEntry]:
    """Predict one image into the folder `out` as OME-Zarr, as `predict_image` does.

    What is computed is kept in a hidden folder beside the results until they are whole: the same
    call goes on where it was cancelled or killed, at the loss of one tile at most. Yields progress.
    Raises `InputError` without ome-zarr and where the disk is too full, `Cancelled` within a tile.
    """
    require_ome_zarr(out / f"{task.stem}_labels.ome.zarr")
    with _told_if_full(out):
        work = LargeWork(predictor, task, out)
        source = task.open()
        meter = Meter(task, work)
        for number, (z, t) in enumerate(task.planes):
            raw = SourcePlane(source, task.channels, z, t)
            yield from predict_tiles(predictor, task, work, number, raw, meter, token)
            yield from find_objects(predictor, task, work, number, meter, token)
        entry = yield from write_large_results(out, task, work, source, meter, token)
        work.remove()
    return entry


@contextmanager
def _told_if_full(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise InputError(
            f"the disk takes no more at {out}",
            got=error.strerror,
            way_out="Free some space and start again: the work goes on where it stopped",
        ) from error
