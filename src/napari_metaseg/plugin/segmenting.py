"""The work behind the Segment widget: read planes and predict them. No widgets here.

A part of a plane is normalised as the whole of it is, so that it equals the same part of the whole.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.events import CancelToken, Event, Notice, Progress
from napari_metaseg.plugin import known, layers
from napari_metaseg.plugin.layers import PlaneIndex
from napari_metaseg.plugin.regions import Region
from napari_metaseg.plugin.workspace import LoadedModel
from napari_metaseg.prediction.objects.refine import Refinement, refined

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_metaseg.datasets.normalise import Levels
    from napari_metaseg.packages.package import ModelPackage
    from napari_metaseg.prediction.device import PrecisionName
    from napari_metaseg.prediction.predictor import PlanePrediction, Predictor
    from napari_metaseg.prediction.request import GatesName


@dataclass(frozen=True)
class PlaneTask:
    """One plane to predict, or a `region` of it: where its pixels are, and what is known of it.

    `pixels` is the layer's own array, lazy or not; the worker reads the one plane `at`.
    """

    layer_id: str
    name: str
    plane: PlaneIndex
    pixels: Any
    at: tuple[int | slice, ...]
    condition: Condition
    region: Region | None = None

    @property
    def pixel_size_um(self) -> float | None:
        """The size of its pixels, where it is known."""
        return pixel_size_of(self.condition)

    def read(self) -> NDArray[np.float32]:
        """The plane as (1, Y, X) raw intensities."""
        from napari_metaseg.datasets.inputs import as_grey

        return as_grey(np.asarray(self.pixels[self.at]))[None]


@dataclass(frozen=True, eq=False)
class LayerPlane:
    """One plane of a layer's array as raw intensities (1, Y, X), of which parts are read."""

    pixels: Any
    at: tuple[int | slice, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """One channel, rows and columns."""
        first = len(self.at) - 2
        return 1, int(self.pixels.shape[first]), int(self.pixels.shape[first + 1])

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """These rows and columns, RGB as luminance."""
        from napari_metaseg.datasets.inputs import as_grey

        return as_grey(np.asarray(self.pixels[(*self.at[:-2], rows, columns)]))[None]


def pixel_size_of(condition: Condition) -> float | None:
    """The pixel size in µm that a condition states."""
    size = condition.get("pixel_size_um")
    return float(size) if isinstance(size, float | int) else None


@dataclass(frozen=True)
class DeviceFound:
    """What the work runs on, in words; `rounding` is what is to be said of bf16."""

    words: str
    rounding: str = ""


@dataclass(frozen=True)
class PlaneDone:
    """The prediction of one plane."""

    task: PlaneTask
    prediction: PlanePrediction


def plane_task(image: Image, plane: PlaneIndex) -> PlaneTask:
    """The task for one plane of an image layer."""
    data = image.data[0] if image.multiscale else image.data
    words = "" if len(layers.planes(image)) == 1 else f" z {plane.z + 1}"
    return PlaneTask(
        layer_id=str(image.unique_id),
        name=f"{image.name}{words}",
        plane=plane,
        pixels=data,
        at=layers.plane_slices(image, plane),
        condition=known.condition_of(image, plane),
    )


def view_task(image: Image, plane: PlaneIndex, region: Region) -> PlaneTask:
    """The task for a region of one plane of an image layer."""
    return replace(plane_task(image, plane), region=region)


class Segmenter:
    """A model made ready on a device, kept between runs. Used by one job at a time."""

    def __init__(
        self,
        package: ModelPackage,
        device: str = "auto",
        gates: GatesName = "exact",
        precision: PrecisionName = "auto",
    ) -> None:
        self.package, self.device = package, device
        self.gates: GatesName = gates
        self.precision: PrecisionName = precision
        self._predictor: Predictor | None = None
        self._rounding = ""
        self._measured_last: tuple[LayerPlane, tuple[int, int], Levels] | None = None

    def run(
        self, tasks: Sequence[PlaneTask], refinement: Refinement, token: CancelToken
    ) -> Generator[Event | DeviceFound | PlaneDone, None, tuple[str, ...]]:
        """Predict the planes one after the other; returns the notices, each once.

        Raises `Cancelled` within one tile of the token; planes already yielded stay.
        """
        yield Progress(0, len(tasks), "starting")
        predictor = self._ready()
        yield DeviceFound(device_words(predictor), self._rounding)
        notices: dict[str, None] = {}
        start = time.monotonic()
        for done, task in enumerate(tasks):
            left = (time.monotonic() - start) / done * (len(tasks) - done) if done else None
            yield Progress(done, len(tasks), task.name, left)
            prediction = self._predict(predictor, task, refinement, token)
            notices.update(dict.fromkeys(prediction.notices))
            yield PlaneDone(task, prediction)
        return tuple(notices)

    def _predict(
        self, predictor: Predictor, task: PlaneTask, refinement: Refinement, token: CancelToken
    ) -> PlanePrediction:
        threshold = refinement.threshold
        if task.region is None:
            found = predictor.predict_plane(
                task.read(), task.condition, token=token, threshold=threshold
            )
        else:
            raw, levels = self._measured(predictor, task)
            found = predictor.predict_region(
                raw, task.region, task.condition, levels=levels, token=token, threshold=threshold
            )
        return refined(found, refinement, task.pixel_size_um)

    def _measured(self, predictor: Predictor, task: PlaneTask) -> tuple[LayerPlane, Levels]:
        """The plane of a region and its levels, which are kept until others are needed."""
        raw = LayerPlane(task.pixels, task.at)
        seen = predictor.shape_seen(raw.shape, task.condition)
        kept = self._measured_last
        if kept is not None and kept[0].pixels is task.pixels and kept[0].at == task.at:
            raw = kept[0]
            if kept[1] == seen:
                return raw, kept[2]
        levels = predictor.levels(raw, task.condition)
        self._measured_last = raw, seen, levels
        return raw, levels

    def _ready(self) -> Predictor:
        from napari_metaseg.prediction.precision import precision_notice
        from napari_metaseg.prediction.predictor import Predictor

        if self._predictor is None:
            self._predictor = Predictor(
                self.package, device=self.device, gates=self.gates, precision=self.precision
            )
            self._rounding = precision_notice(self._predictor) or ""
        return self._predictor


def device_words(predictor: Predictor) -> str:
    """What to call the predictor's device in front of people."""
    from napari_metaseg.prediction.device import device_label

    return device_label(predictor.device)


def load_model(path: Path, token: CancelToken) -> Generator[Event, None, LoadedModel]:
    """Load a package folder or zip. Raises `InputError` for what is not one."""
    from napari_metaseg.packages.package import load_package

    yield Notice(f"Loading {path.name} …")
    package = load_package(path)
    return LoadedModel(package.manifest.name, path, package)


def installed_models(folder: Path) -> list[Path]:
    """The model packages in a folder, by name; an absent folder has none."""
    if not folder.is_dir():
        return []
    found = (p for p in sorted(folder.iterdir()) if (p / "package.json").is_file())
    return list(found)
