"""The results of one image: its files, what is listed of it, and what was found in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from napari_metaseg.acquisition.record import AcquisitionRecord, Value
from napari_metaseg.images.protocol import ImageSource, numbering_axes
from napari_metaseg.images.write import write_ome_tiff
from napari_metaseg.prediction.jobs.inputs import is_store
from napari_metaseg.prediction.jobs.plan import ImageTask
from napari_metaseg.prediction.predictor import PlanePrediction

if TYPE_CHECKING:
    import dask.array

_DOUBTFUL = (0.25, 0.75)


@dataclass(frozen=True)
class Content:
    """How much was found in one plane, or in the planes of an image together; adds up.

    `objects` counted plane by plane; `foreground_px` of `pixels`; `uncertain_px` have a probability
    of foreground from 0.25 to below 0.75, `possible_px` one from 0.25.
    """

    objects: int = 0
    pixels: int = 0
    foreground_px: int = 0
    possible_px: int = 0
    uncertain_px: int = 0

    @staticmethod
    def of(probability: NDArray[np.float32], classes: NDArray[np.generic], objects: int) -> Content:
        """That of a plane or a part of it: `probability` as in `PlanePrediction`, classes (Y, X).

        Parts add up to their plane where objects are counted in one of them only.
        """
        foreground = probability[0] if len(probability) == 1 else 1 - probability[0]
        low, high = _DOUBTFUL
        return Content(
            objects=objects,
            pixels=classes.size,
            foreground_px=int(np.count_nonzero(classes)),
            possible_px=int(np.count_nonzero(foreground >= low)),
            uncertain_px=int(np.count_nonzero((foreground >= low) & (foreground < high))),
        )

    @property
    def foreground_share(self) -> float:
        """Foreground of all pixels, 0 to 1."""
        return self.foreground_px / max(self.pixels, 1)

    @property
    def uncertain_share(self) -> float:
        """Uncertain of all possible foreground, 0 to 1; 0 where nothing may be foreground."""
        return self.uncertain_px / max(self.possible_px, 1)

    def __add__(self, other: Content) -> Content:
        return Content(
            self.objects + other.objects,
            self.pixels + other.pixels,
            self.foreground_px + other.foreground_px,
            self.possible_px + other.possible_px,
            self.uncertain_px + other.uncertain_px,
        )


@dataclass(frozen=True)
class PredictionEntry:
    """What was written for one image, and the metadata that was used (one entry a plane)."""

    image: str
    labels: str
    classes: str
    probability: str
    metadata: tuple[Mapping[str, Value], ...]
    notices: tuple[str, ...]
    content: Content

    def listed(self) -> dict[str, Any]:
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

    def to_json(self) -> str:
        """The entry as a JSON text, see `from_json`."""
        return _adapter().dump_json(self).decode()

    @staticmethod
    def from_json(text: str) -> PredictionEntry:
        """The same entry again."""
        return _adapter().validate_json(text)


@cache
def _adapter() -> TypeAdapter[PredictionEntry]:
    return TypeAdapter(PredictionEntry)


def write_results(
    out: Path, task: ImageTask, predictions: Sequence[PlanePrediction]
) -> PredictionEntry:
    """Write the three results of one image, shaped like the image without channels and samples."""
    source = task.open()
    axes = result_axes(task, source)
    multi = predictions[0].probability.shape[0] > 1

    def stacked(take: Callable[[PlanePrediction], NDArray[Any]]) -> NDArray[Any]:
        array: NDArray[Any] = in_order([take(p) for p in predictions], source, axes)
        return array

    pixels = {
        "labels": (stacked(lambda p: p.labels), axes),
        "classes": (stacked(lambda p: p.classes), axes),
        "probability": (
            stacked(lambda p: p.probability if multi else p.probability[0]),
            axes[:-2] + ("CYX" if multi else "YX"),
        ),
    }
    record = source.record.declare(task.row.stated)
    write = write_zarr if is_store(task.row.image) else _write_tiff
    paths = {
        kind: write(out, f"{task.stem}_{kind}", array, array_axes, record)
        for kind, (array, array_axes) in pixels.items()
    }
    notices = dict.fromkeys([n for p in predictions for n in p.notices] + list(task.notices))
    found = (Content.of(p.probability, p.classes, int(p.labels.max())) for p in predictions)
    return PredictionEntry(
        image=str(task.row.image),
        metadata=task.conditions,
        notices=tuple(notices),
        content=sum(found, Content()),
        **paths,
    )


def result_axes(task: ImageTask, source: ImageSource) -> str:
    """The axes of labels and classes: those of the image but for C, S and what the row chose."""
    chosen = {"Z": task.row.z, "T": task.row.t}
    numbering = numbering_axes(source.axes)
    return "".join(a for a in numbering if a in chosen and chosen[a] is None) + "YX"


def _write_tiff(
    out: Path, name: str, array: NDArray[Any], axes: str, record: AcquisitionRecord
) -> str:
    """Write an OME-TIFF; its file name."""
    path = out / f"{name}.ome.tif"
    write_ome_tiff(path, array, axes, record, name=name)
    return path.name


def write_zarr(
    out: Path,
    name: str,
    array: NDArray[Any] | dask.array.Array,
    axes: str,
    record: AcquisitionRecord,
) -> str:
    """Write an OME-Zarr from an array, be it lazy; its folder's name."""
    from napari_metaseg.images.zarr.write import write_zarr_image, write_zarr_label_image

    path = out / f"{name}.ome.zarr"
    write = write_zarr_image if array.dtype.kind == "f" else write_zarr_label_image
    write(path, array, axes, record, overwrite=True)
    return path.name


def in_order(planes: Sequence[Any], source: ImageSource, axes: str) -> Any:
    """Planes computed t by t, z by z, as one array in the order of the image's own axes.

    Of lazy arrays a lazy one.
    """
    by_tz = [a for a in "TZ" if a in axes]
    array = np.stack(planes).reshape(*(source.size(a) for a in by_tz), *planes[0].shape)
    order = [by_tz.index(a) for a in axes if a in "TZ"]
    return array.transpose(*order, *range(len(order), array.ndim))
