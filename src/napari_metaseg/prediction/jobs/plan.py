"""What a prediction will do, image by image: everything is opened and checked before computing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from math import ceil, prod
from pathlib import Path

from pydantic import TypeAdapter

from napari_metaseg.acquisition.cohort import CohortRow, column_names
from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.acquisition.conflicts import disagreements
from napari_metaseg.acquisition.record_json import record_to_json
from napari_metaseg.datasets.inputs import choose_channels, plane_condition
from napari_metaseg.datasets.items import is_vertical, plane_shape, planes_of
from napari_metaseg.datasets.stored import opened, opened_scenes
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, Event, Notice, Progress
from napari_metaseg.images.open import open_image, open_images, pick_image
from napari_metaseg.images.protocol import ImageSource
from napari_metaseg.images.stamps import image_stamp
from napari_metaseg.images.without_pixels import has_pixels
from napari_metaseg.packages.manifest import PackageManifest
from napari_metaseg.prediction.jobs.inputs import resolve_inputs, result_stems
from napari_metaseg.prediction.request import PredictionRequest

_LARGEST_PLANE_PX, _LARGEST_IMAGE_PX = 2**24, 2**26
_TOLD_EACH = 50


@dataclass(frozen=True)
class ImageTask:
    """One image to predict, as plain values: it can be computed in any process that sees the file.

    `row` says which image and what is stated of it; `stem` what its results are called; `channels`
    what the network sees; `planes` the (z, t) of each plane, with its own metadata in `conditions`;
    `shape` (Y, X) that of every plane; `is_vertical` tells planes that are z by x; `notices` what
    the reader should know beforehand. `digest` changes with the files of the image and with all
    that is known of how it was taken.
    """

    row: CohortRow
    stem: str
    channels: tuple[int, ...]
    planes: tuple[tuple[int, int], ...]
    conditions: tuple[Condition, ...]
    shape: tuple[int, int]
    is_vertical: bool = False
    digest: str = ""
    notices: tuple[str, ...] = ()

    @property
    def pixels(self) -> int:
        """How many pixels have to be predicted."""
        return prod(self.shape) * len(self.planes)

    @property
    def steps(self) -> int:
        """What it counts in the progress of many images: a very large plane counts several."""
        return len(self.planes) * ceil(prod(self.shape) / _LARGEST_PLANE_PX)

    @property
    def is_large(self) -> bool:
        """Whether planes or results are too large to be held in memory."""
        return prod(self.shape) > _LARGEST_PLANE_PX or self.pixels > _LARGEST_IMAGE_PX

    def open(self) -> ImageSource:
        """The image; reads no pixels. The index of a plate is read once for all its fields."""
        open_ = opened if self.row.scene else open_image
        return open_(self.row.image, self.row.scene)

    def to_json(self) -> str:
        """The task as a JSON text, see `from_json`."""
        return _adapter().dump_json(self).decode()

    @staticmethod
    def from_json(text: str) -> ImageTask:
        """The same task again."""
        return _adapter().validate_json(text)


@cache
def _adapter() -> TypeAdapter[ImageTask]:
    return TypeAdapter(ImageTask)


def plan_tasks(
    request: PredictionRequest, manifest: PackageManifest, token: CancelToken
) -> Generator[Event, None, list[ImageTask]]:
    """A task per image that the request names, for a model with that manifest; reads no pixels.

    Fields of a plate whose pixel files are not there are left out, which a notice tells. Raises
    `InputError` for what cannot be opened, or has no such channel or plane, and `Cancelled`.
    """
    rows = _rows(request, manifest.field_names)
    tasks, absent = [], Counter[Path]()
    for done, (row, stem) in enumerate(zip(rows, result_stems(rows), strict=True)):
        token.raise_if_cancelled()
        if done % _TOLD_EACH == _TOLD_EACH - 1:
            yield Progress(done, len(rows), "opening images")
        images = opened_scenes(row.image) if row.scene else open_images(row.image)
        source = pick_image(images, row.scene)
        if has_pixels(source):
            left_out = 0 if row.scene else len(images) - 1
            tasks.append(_task(row, stem, source, manifest.input_channels, left_out))
        else:
            absent[row.image] += 1
    texts = [f"{path}: the pixel files of {n} images are not there" for path, n in absent.items()]
    if not tasks:
        raise InputError("; ".join(texts), way_out="Put them where the index expects them")
    yield from (Notice(f"{text}; left out") for text in texts)
    return tasks


def _rows(request: PredictionRequest, fields: Sequence[str]) -> list[CohortRow]:
    """The images with all that is stated of them."""
    rows = resolve_inputs(request.inputs)
    if any(name not in row.stated for name in fields for row in rows):
        rows = _with_free_fields(request, fields, rows)
    return [replace(row, stated={**row.stated, **request.stated}) for row in rows]


def _with_free_fields(
    request: PredictionRequest, fields: Sequence[str], rows: list[CohortRow]
) -> list[CohortRow]:
    """The rows again with the model's free fields, where the cohort has columns for them."""
    tables = [Path(text) for text in request.inputs if text.lower().endswith((".csv", ".parquet"))]
    present = {name for table in tables if table.is_file() for name in column_names(table)}
    extra = [name for name in fields if name in present]
    return resolve_inputs(request.inputs, extra_fields=extra) if extra else rows


def _task(row: CohortRow, stem: str, source: ImageSource, count: int, left_out: int) -> ImageTask:
    channels = choose_channels(source, row.channel, count)
    planes = planes_of(source, row.z, row.t)
    places = [(channels[0], z, t) for z, t in planes]
    task = ImageTask(
        row=row,
        stem=stem,
        channels=channels,
        planes=tuple(planes),
        conditions=tuple(plane_condition(source, row.stated, c=c, z=z, t=t) for c, z, t in places),
        shape=plane_shape(source),
        is_vertical=is_vertical(source),
        notices=tuple(_notices(source, row, places, left_out)),
    )
    return replace(task, digest=_digest(task, source))


def _digest(task: ImageTask, source: ImageSource) -> str:
    record = record_to_json(source.record.declare(task.row.stated))
    known = (record, task.channels, task.planes, [dict(c) for c in task.conditions])
    text = image_stamp(source) + json.dumps(known, sort_keys=True)
    return sha256(text.encode()).hexdigest()


def _notices(
    source: ImageSource, row: CohortRow, places: Sequence[tuple[int, int, int]], left_out: int
) -> Iterator[str]:
    """What the caller should know of what is and is not segmented, and with which metadata."""
    told = (disagreements(source.record, row.stated, place) for place in places)
    for clash in dict.fromkeys(clash for clashes in told for clash in clashes):
        yield f"{', '.join(clash.fields)}: {clash.message}"
    if is_vertical(source):
        yield "a vertical scan: the rows of its planes are z, in the results too"
    if left_out:
        yield (
            f"the file holds {left_out} more images; give a cohort with the column 'scene' to "
            "segment them too"
        )
