"""Predict many files: one image after the other, each plane with its own metadata."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.cohort import CohortRow
from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.acquisition.conflicts import disagreements
from napari_metaseg.acquisition.record import AcquisitionRecord, Value
from napari_metaseg.datasets.inputs import choose_channels, input_plane, plane_condition
from napari_metaseg.datasets.items import is_vertical, planes_of
from napari_metaseg.events import CancelToken, Event, Notice, Progress
from napari_metaseg.files import atomic_path
from napari_metaseg.images.open import open_image, open_images
from napari_metaseg.images.protocol import ImageSource, numbering_axes
from napari_metaseg.images.write import write_ome_tiff
from napari_metaseg.packages.package import load_package
from napari_metaseg.prediction.inputs import is_store, resolve_inputs, result_stems
from napari_metaseg.prediction.predictor import PlanePrediction, Predictor
from napari_metaseg.prediction.request import PredictionRequest


@dataclass(frozen=True)
class PredictionEntry:
    """What was written for one image, and the metadata that was used (one entry a plane)."""

    image: str
    labels: str
    classes: str
    probability: str
    metadata: tuple[Mapping[str, Value], ...]
    notices: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The entry of `predictions.json`; the metadata of a single plane stands alone."""
        metadata: Any = [dict(m) for m in self.metadata]
        return {
            "image": self.image,
            "labels": self.labels,
            "classes": self.classes,
            "probability": self.probability,
            "metadata": metadata[0] if len(metadata) == 1 else metadata,
            "notices": list(self.notices),
        }


@dataclass(frozen=True)
class _Work:
    """One image to predict, opened and checked before anything is computed."""

    row: CohortRow
    stem: str
    source: ImageSource
    channels: tuple[int, ...]
    planes: list[tuple[int, int]]
    left_out: int = 0

    def notices(self) -> list[str]:
        """What the caller should know of what is and is not segmented, and with which metadata."""
        places = [(self.channels[0], z, t) for z, t in self.planes]
        told = (disagreements(self.source.record, self.row.stated, place) for place in places)
        clashes = dict.fromkeys(clash for clashes in told for clash in clashes)
        found = [f"{', '.join(clash.fields)}: {clash.message}" for clash in clashes]
        if is_vertical(self.source):
            found.append("a vertical scan: the rows of its planes are z, in the results too")
        if self.left_out:
            found.append(
                f"the file holds {self.left_out} more images; give a cohort with the column "
                "'scene' to segment them too"
            )
        return found


def predict_files(
    request: PredictionRequest, token: CancelToken
) -> Generator[Event, None, list[PredictionEntry]]:
    """Predict every image of the request; all are opened and checked before the first is computed.

    Yields progress per plane. Every image's results and `predictions.json` are complete files as
    soon as they stand there; a cancel keeps those of the images that were finished, then raises
    `Cancelled`. Raises `InputError` for what cannot be read or predicted.
    """
    package = load_package(request.package)
    predictor = Predictor(
        package,
        device=request.device,
        precision=request.precision,
        tile_px=request.tile_px,
        gates=request.gates,
    )
    free = list(package.manifest.field_names)
    request.check_names(free)
    unused = request.unused(free)
    yield from (Notice(text) for text in unused)
    work = _plan(request, package.manifest.input_channels, free)
    total = sum(len(w.planes) for w in work)
    entries: list[PredictionEntry] = []
    done, start = 0, time.monotonic()
    for item in work:
        results = []
        for z, t in item.planes:
            results.append(_predict_plane(predictor, item, z, t, token))
            done += 1
            left = (time.monotonic() - start) / done * (total - done)
            yield Progress(done, total, item.row.name, left)
        entry = _write(request.out, item, results)
        entries.append(replace(entry, notices=(*unused, *entry.notices)))
        _write_index(request.out, entries)
        yield from (Notice(f"{item.row.name}: {text}") for text in entry.notices)
    return entries


def _plan(request: PredictionRequest, channels: int, fields: list[str]) -> list[_Work]:
    rows = resolve_inputs(request.inputs)
    if any(name not in row.stated for name in fields for row in rows):
        rows = _with_free_fields(request, fields, rows)
    rows = [replace(row, stated={**row.stated, **request.stated}) for row in rows]
    work = []
    for row, stem in zip(rows, result_stems(rows), strict=True):
        images = (open_image(row.image, row.scene),) if row.scene else open_images(row.image)
        source = images[0]
        chosen = choose_channels(source, row.channel, channels)
        planes = planes_of(source, row.z, row.t)
        work.append(_Work(row, stem, source, chosen, planes, len(images) - 1))
    return work


def _with_free_fields(
    request: PredictionRequest, fields: list[str], rows: list[CohortRow]
) -> list[CohortRow]:
    """The rows again with the model's free fields, where the cohort has columns for them."""
    from napari_metaseg.acquisition.cohort import column_names

    tables = [Path(text) for text in request.inputs if text.lower().endswith((".csv", ".parquet"))]
    present = {name for table in tables if table.is_file() for name in column_names(table)}
    extra = [name for name in fields if name in present]
    return resolve_inputs(request.inputs, extra_fields=extra) if extra else rows


def _predict_plane(
    predictor: Predictor, item: _Work, z: int, t: int, token: CancelToken
) -> tuple[PlanePrediction, Condition]:
    image = input_plane(item.source, item.channels, z=z, t=t)
    condition = plane_condition(item.source, item.row.stated, c=item.channels[0], z=z, t=t)
    return predictor.predict_plane(image, condition, token=token), condition


def _write(
    out: Path, item: _Work, results: list[tuple[PlanePrediction, Condition]]
) -> PredictionEntry:
    """Write the three results of one image, shaped like the image without channels and samples."""
    numbering = numbering_axes(item.source.axes)
    axes = "".join(a for a in numbering if a in "TZ" and _kept(item.row, a)) + "YX"
    lead = tuple(item.source.size(a) for a in axes[:-2])
    predictions = [p for p, _ in results]
    multi = predictions[0].probability.shape[0] > 1

    def stacked(take: Callable[[PlanePrediction], NDArray[Any]]) -> NDArray[Any]:
        return _in_order([take(p) for p in predictions], item.source, axes, lead)

    pixels = {
        "labels": (stacked(lambda p: p.labels), axes),
        "classes": (stacked(lambda p: p.classes), axes),
        "probability": (
            stacked(lambda p: p.probability if multi else p.probability[0]),
            axes[:-2] + ("CYX" if multi else "YX"),
        ),
    }
    record = item.source.record.declare(item.row.stated)
    write = _write_zarr if is_store(item.row.image) else _write_tiff
    paths = {
        kind: write(out, f"{item.stem}_{kind}", array, array_axes, record)
        for kind, (array, array_axes) in pixels.items()
    }
    notices = dict.fromkeys([n for p in predictions for n in p.notices] + item.notices())
    return PredictionEntry(
        image=str(item.row.image),
        metadata=tuple(c for _, c in results),
        notices=tuple(notices),
        **paths,
    )


def _write_tiff(
    out: Path, name: str, array: NDArray[Any], axes: str, record: AcquisitionRecord
) -> str:
    """Write an OME-TIFF; its file name."""
    path = out / f"{name}.ome.tif"
    write_ome_tiff(path, array, axes, record, name=name)
    return path.name


def _write_zarr(
    out: Path, name: str, array: NDArray[Any], axes: str, record: AcquisitionRecord
) -> str:
    """Write an OME-Zarr, as the image itself is one; its folder's name."""
    from napari_metaseg.images.zarr.write import write_zarr_image, write_zarr_label_image

    path = out / f"{name}.ome.zarr"
    write = write_zarr_image if array.dtype.kind == "f" else write_zarr_label_image
    write(path, array, axes, record, overwrite=True)
    return path.name


def _kept(row: CohortRow, axis: str) -> bool:
    return (row.z if axis == "Z" else row.t) is None


def _in_order(
    planes: list[NDArray[Any]], source: ImageSource, axes: str, lead: tuple[int, ...]
) -> NDArray[Any]:
    """Planes computed t by t, z by z, in the order of the image's own axes."""
    array = np.stack(planes)
    by_tz = [a for a in "TZ" if a in axes]
    array = array.reshape(*(source.size(a) for a in by_tz), *planes[0].shape)
    order = [by_tz.index(a) for a in axes if a in "TZ"]
    return array.transpose(*order, *range(len(lead), array.ndim))


def _write_index(out: Path, entries: list[PredictionEntry]) -> None:
    text = json.dumps([e.to_json() for e in entries], indent=1, allow_nan=False, ensure_ascii=False)
    with atomic_path(out / "predictions.json") as temporary:
        temporary.write_text(text, encoding="utf-8")
