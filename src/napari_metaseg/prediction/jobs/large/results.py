"""The results of a large image as OME-Zarr, written chunk by chunk from the working folder."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from napari_metaseg.events import CancelToken, Event
from napari_metaseg.images.protocol import ImageSource
from napari_metaseg.prediction.jobs.large.grid import DiskGrid
from napari_metaseg.prediction.jobs.large.meter import RESULTS, Meter
from napari_metaseg.prediction.jobs.large.plane import Derived, LargePlane
from napari_metaseg.prediction.jobs.large.work import LargeWork
from napari_metaseg.prediction.jobs.plan import ImageTask
from napari_metaseg.prediction.jobs.results import (
    Content,
    PredictionEntry,
    in_order,
    result_axes,
    write_zarr,
)
from napari_metaseg.prediction.objects.block_view import Area

if TYPE_CHECKING:
    import dask.array

_CHUNK_PX = 1024
_WRITERS = 2


def write_large_results(
    out: Path,
    task: ImageTask,
    work: LargeWork,
    source: ImageSource,
    meter: Meter,
    token: CancelToken,
) -> Generator[Event, None, PredictionEntry]:
    """Write the three results, each whole or not at all; yields progress. Stops on the token."""
    import dask

    numbers = range(len(task.planes))
    planes = [work.plane(number) for number in numbers]
    axes, record = result_axes(task, source), source.record.declare(task.row.stated)
    multi = planes[0].channels > 1
    kinds: dict[str, tuple[Callable[[LargePlane], DiskGrid | Derived], str]] = {
        "labels": (lambda plane: plane.labels, axes),
        "classes": (lambda plane: plane.classes, axes),
        "probability": (_all if multi else _first, axes[:-2] + ("CYX" if multi else "YX")),
    }
    paths = {}
    for kind, (take, kind_axes) in kinds.items():
        lazy = [_lazy(take(plane), token) for plane in planes]
        with dask.config.set(scheduler="threads", num_workers=_WRITERS):
            name = f"{task.stem}_{kind}"
            paths[kind] = write_zarr(out, name, in_order(lazy, source, axes), kind_axes, record)
        yield meter.add(prod(task.shape) * len(planes) / len(kinds), RESULTS)
    found = [work.objects(number) for number in numbers]
    said = [text for number in numbers for text in work.notices(number) or ()]
    said += [text for objects in found if objects for text in objects.notices]
    return PredictionEntry(
        image=str(task.row.image),
        metadata=task.conditions,
        notices=tuple(dict.fromkeys([*said, *task.notices])),
        content=sum((objects.content for objects in found if objects), Content()),
        **paths,
    )


def _all(plane: LargePlane) -> Derived:
    return plane.probability


def _first(plane: LargePlane) -> Derived:
    whole = plane.probability
    return replace(whole, shape=whole.shape[1:], part=lambda area: whole.part(area)[0])


def _lazy(array: DiskGrid | Derived, token: CancelToken) -> dask.array.Array:
    """The array in chunks that are read when they are written."""
    import dask.array as da

    def part(area: Area) -> object:
        token.raise_if_cancelled()
        return array[area]

    watched = Derived(array.shape, array.dtype, part)  # type: ignore[arg-type]
    chunks = (*array.shape[:-2], _CHUNK_PX, _CHUNK_PX)
    return da.from_array(watched, chunks, name=False, asarray=False)
