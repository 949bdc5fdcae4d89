"""What a prediction will do, image by image: everything is opened and checked before computing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import ceil, prod
from pathlib import Path

from pydantic import TypeAdapter

from napari_metaseg.acquisition.cohort import CohortRow, column_names
from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.acquisition.conflicts import disagreements
from napari_metaseg.datasets.inputs import choose_channels, plane_condition
from napari_metaseg.datasets.items import is_vertical, plane_shape, planes_of
from napari_metaseg.images.open import open_image, open_images
from napari_metaseg.images.protocol import ImageSource
from napari_metaseg.packages.manifest import PackageManifest
from napari_metaseg.prediction.inputs import resolve_inputs, result_stems
from napari_metaseg.prediction.request import PredictionRequest

_LARGEST_PLANE_PX, _LARGEST_IMAGE_PX = 2**24, 2**26


@dataclass(frozen=True)
class ImageTask:
    """One image to predict, as plain values: it can be computed in any process that sees the file.

    `row` says which image and what is stated of it; `stem` what its results are called; `channels`
    what the network sees; `planes` the (z, t) of each plane, with its own metadata in `conditions`;
    `shape` (Y, X) that of every plane; `notices` what the reader should know beforehand.
    """

    row: CohortRow
    stem: str
    channels: tuple[int, ...]
    planes: tuple[tuple[int, int], ...]
    conditions: tuple[Condition, ...]
    shape: tuple[int, int]
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
        """The image; reads no pixels."""
        return open_image(self.row.image, self.row.scene)

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


def plan_tasks(request: PredictionRequest, manifest: PackageManifest) -> list[ImageTask]:
    """A task per image that the request names, for a model with that manifest; reads no pixels.

    Raises `InputError` for what cannot be opened, or has no such channel or plane.
    """
    fields = manifest.field_names
    rows = resolve_inputs(request.inputs)
    if any(name not in row.stated for name in fields for row in rows):
        rows = _with_free_fields(request, fields, rows)
    rows = [replace(row, stated={**row.stated, **request.stated}) for row in rows]
    stems = result_stems(rows)
    return [_task(row, s, manifest.input_channels) for row, s in zip(rows, stems, strict=True)]


def _with_free_fields(
    request: PredictionRequest, fields: Sequence[str], rows: list[CohortRow]
) -> list[CohortRow]:
    """The rows again with the model's free fields, where the cohort has columns for them."""
    tables = [Path(text) for text in request.inputs if text.lower().endswith((".csv", ".parquet"))]
    present = {name for table in tables if table.is_file() for name in column_names(table)}
    extra = [name for name in fields if name in present]
    return resolve_inputs(request.inputs, extra_fields=extra) if extra else rows


def _task(row: CohortRow, stem: str, count: int) -> ImageTask:
    images = (open_image(row.image, row.scene),) if row.scene else open_images(row.image)
    source = images[0]
    channels = choose_channels(source, row.channel, count)
    planes = planes_of(source, row.z, row.t)
    places = [(channels[0], z, t) for z, t in planes]
    return ImageTask(
        row=row,
        stem=stem,
        channels=channels,
        planes=tuple(planes),
        conditions=tuple(plane_condition(source, row.stated, c=c, z=z, t=t) for c, z, t in places),
        shape=plane_shape(source),
        notices=tuple(_notices(source, row, places, len(images) - 1)),
    )


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
