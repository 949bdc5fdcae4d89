"""What became of one image of a job, and how those that failed are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_metaseg.errors import InputError
from napari_metaseg.prediction.jobs.plan import ImageTask
from napari_metaseg.prediction.jobs.results import PredictionEntry

_LISTED = 3


@dataclass(frozen=True)
class Outcome:
    """An image is finished, or failed by an error that is the image's own."""

    task: ImageTask
    result: PredictionEntry | InputError


def failure_of(failed: Sequence[Outcome], total: int) -> InputError:
    """One error for the images that could not be segmented, of `total` in the job."""
    errors = [(o.task.row.name, o.result) for o in failed if isinstance(o.result, InputError)]
    name, error = errors[0]
    if len(errors) == 1:
        what = error.what if name in error.what else f"{name}: {error.what}"
        return InputError(what, got=error.got, way_out=error.way_out)
    names = [name for name, _ in errors]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return InputError(
        f"{len(names)} of {total} images could not be segmented",
        got=", ".join(names[:_LISTED]) + more,
        way_out="The others are finished; the same command goes on from there",
    )
