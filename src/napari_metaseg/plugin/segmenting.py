"""The work behind the Segment widget: read planes, predict them, cut them anew. No widgets here."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.events import CancelToken, Event, Notice, Progress
from napari_metaseg.plugin import known, layers
from napari_metaseg.plugin.layers import PlaneIndex
from napari_metaseg.plugin.workspace import LoadedModel

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_metaseg.packages.package import ModelPackage
    from napari_metaseg.prediction.predictor import PlanePrediction, Predictor
    from napari_metaseg.prediction.request import GatesName


@dataclass(frozen=True)
class PlaneTask:
    """One plane to predict: where its pixels are, and what is known of it.

    `pixels` is the layer's own array, lazy or not; the worker reads the one plane `at`.
    """

    layer_id: str
    name: str
    plane: PlaneIndex
    pixels: Any
    at: tuple[int | slice, ...]
    condition: Condition

    def read(self) -> NDArray[np.float32]:
        """The plane as (1, Y, X) raw intensities."""
        from napari_metaseg.datasets.inputs import as_grey

        return as_grey(np.asarray(self.pixels[self.at]))[None]


@dataclass(frozen=True)
class DeviceFound:
    """What the work runs on, in words."""

    words: str


@dataclass(frozen=True)
class PlaneDone:
    """The prediction of one plane."""

    task: PlaneTask
    prediction: PlanePrediction


@dataclass(frozen=True)
class PlaneCut:
    """One plane's classes and objects at a new threshold."""

    key: str
    classes: NDArray[np.uint8]
    labels: NDArray[np.int32]


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


class Segmenter:
    """A model made ready on a device, kept between runs. Used by one job at a time."""

    def __init__(
        self, package: ModelPackage, device: str = "auto", gates: GatesName = "exact"
    ) -> None:
        self.package, self.device = package, device
        self.gates: GatesName = gates
        self._predictor: Predictor | None = None

    def run(
        self, tasks: Sequence[PlaneTask], threshold: float, token: CancelToken
    ) -> Generator[Event | DeviceFound | PlaneDone, None, tuple[str, ...]]:
        """Predict the planes one after the other; returns the notices, each once.

        Raises `Cancelled` within one tile of the token; planes already yielded stay.
        """
        yield Progress(0, len(tasks), "starting")
        predictor = self._ready()
        yield DeviceFound(device_words(predictor))
        notices: dict[str, None] = {}
        start = time.monotonic()
        for done, task in enumerate(tasks):
            left = (time.monotonic() - start) / done * (len(tasks) - done) if done else None
            yield Progress(done, len(tasks), task.name, left)
            prediction = predictor.predict_plane(
                task.read(), task.condition, token=token, threshold=threshold
            )
            notices.update(dict.fromkeys(prediction.notices))
            yield PlaneDone(task, prediction)
        return tuple(notices)

    def _ready(self) -> Predictor:
        from napari_metaseg.prediction.predictor import Predictor

        leave_a_core()
        if self._predictor is None:
            self._predictor = Predictor(self.package, device=self.device, gates=self.gates)
        return self._predictor


def leave_a_core() -> None:
    """Let PyTorch use all processor cores but one, which draws the window.

    Its threads wait for each other by spinning: with a thread on every core, each time the window
    takes a core all of them stand still.
    """
    import torch

    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))


def device_words(predictor: Predictor) -> str:
    """What to call the predictor's device in front of people."""
    from napari_metaseg.prediction.device import device_label

    return device_label(predictor.device)


@dataclass(frozen=True)
class KeptPlane:
    """What is kept of a prediction to cut it anew, each (Y, X); `key` is that of the plane."""

    key: str
    probability: NDArray[np.float32]
    depth: NDArray[np.float32] | None = None


def cut_anew(
    kept: Sequence[KeptPlane], threshold: float, token: CancelToken
) -> Generator[PlaneCut, None, None]:
    """Objects from stored foreground probabilities and depths at another threshold."""
    from napari_metaseg.prediction.instances import classes_from_probability, instances_from_classes

    for plane in kept:
        token.raise_if_cancelled()
        classes = classes_from_probability(plane.probability[None], threshold)
        yield PlaneCut(plane.key, classes, instances_from_classes(classes, plane.depth))


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
