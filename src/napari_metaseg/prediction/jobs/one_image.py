"""Predict one image, each plane with its own metadata."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from napari_metaseg.datasets.inputs import raw_plane
from napari_metaseg.events import CancelToken, Event, Progress
from napari_metaseg.prediction.jobs.large.predict import predict_large
from napari_metaseg.prediction.jobs.plan import ImageTask
from napari_metaseg.prediction.jobs.results import PredictionEntry, write_results
from napari_metaseg.prediction.predictor import Predictor


def predict_image(
    predictor: Predictor, task: ImageTask, out: Path, token: CancelToken
) -> Generator[Event, None, PredictionEntry]:
    """Predict one image into the folder `out`; its results are whole files, or are not there.

    Yields progress, in parts of this image. Raises `InputError` for an image that cannot be read or
    predicted, and `Cancelled` within one tile of the token; no result is written then. A large one
    is computed without holding it, see `predict_large`.
    """
    if task.is_large:
        return (yield from predict_large(predictor, task, out, token))
    source = task.open()
    results = []
    for (z, t), condition in zip(task.planes, task.conditions, strict=True):
        image = raw_plane(source, task.channels, z=z, t=t)
        results.append(predictor.predict_plane(image, condition, token=token))
        yield Progress(len(results), len(task.planes), task.row.name)
    return write_results(out, task, results)
