"""The work behind the Train widget: annotated layers or a cohort to a model. No widgets here."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray

from napari_metaseg.acquisition.cohort import LabelKind
from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.acquisition.fields import CONDITION_FIELDS
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, Event, Progress
from napari_metaseg.plugin import layers
from napari_metaseg.plugin.previewing import last_preview, preview_item
from napari_metaseg.plugin.segmenting import DeviceFound, PlaneTask, plane_task
from napari_metaseg.plugin.workspace import LoadedModel

if TYPE_CHECKING:
    from napari_metaseg.datasets.items import PlaneItem
    from napari_metaseg.training.request import TrainingRequest


@dataclass(frozen=True)
class LayerPair:
    """An image layer and the labels layer that annotates it."""

    image: Image
    labels: Labels


@dataclass(frozen=True)
class AnnotatedPlane:
    """One annotated plane, ready to be read by a worker.

    `labels` (Y, X) is a copy, so that painting on does not change what is trained on or scored.
    """

    task: PlaneTask
    labels: NDArray[Any]
    kind: LabelKind
    group: str

    def load(self) -> PlaneItem:
        """The plane with its pixels. Raises `InputError` for labels that do not fit their kind."""
        from napari_metaseg.datasets.items import PlaneItem
        from napari_metaseg.datasets.labels import convert_labels

        return PlaneItem(
            name=self.task.name,
            image=self.task.read(),
            condition=self.task.condition,
            target=convert_labels(self.labels, self.kind),
            group=self.group,
            label_kind=self.kind,
        )


@dataclass(frozen=True)
class Trained:
    """A finished run: the model, its score on images kept aside, and whether it ran to the end."""

    model: LoadedModel
    best_score: float | None
    finished: bool


def suggest_pairs(viewer: Any) -> list[tuple[Image, Labels | None]]:
    """Every image with the labels layer that annotates it, as far as that can be told."""
    candidates = [la for la in layers.labels_layers(viewer) if layers.info(la).get("role") in _OPEN]
    found = []
    for image in layers.image_layers(viewer):
        own = [la for la in candidates if layers.image_of(la, viewer) is image]
        fitting = [la for la in own if layers.layer_shape(la) == layers.layer_shape(image)]
        found.append((image, fitting[-1] if fitting else None))
    return found


_OPEN = ("annotation", None)
"""Roles of labels that may be an annotation: made as one, or made by another program."""


def annotated_planes(pair: LayerPair, kind: LabelKind) -> list[AnnotatedPlane]:
    """The planes of a pair to learn from: of a stack those with any annotation.

    Raises `InputError` where the two layers differ in shape.
    """
    image, labels = pair.image, pair.labels
    if layers.layer_shape(image) != layers.layer_shape(labels):
        raise InputError(
            f"{labels.name} does not fit {image.name}",
            got=f"shapes {layers.layer_shape(labels)} and {layers.layer_shape(image)}",
            way_out="Use 'New annotation layer' to make one that fits",
        )
    every = layers.planes(image)
    cut = {p: np.array(labels.data[layers.plane_slices(image, p)]) for p in every}
    used = [p for p in every if len(every) == 1 or cut[p].any()]
    group = group_of(image)
    return [AnnotatedPlane(plane_task(image, p), cut[p], kind, group) for p in used]


def group_of(image: Image) -> str:
    """What must not be divided between training and checking: the specimen, else the file."""
    entry = layers.info(image)
    file = f"{entry.get('path', '')} {entry.get('scene', image.name)}".strip()
    return str(entry.get("group") or file)


def varying_fields(conditions: Sequence[Condition]) -> tuple[str, ...]:
    """The condition fields that differ between planes: those a network can learn from."""
    differ = (n for n in CONDITION_FIELDS if len({c.get(n) for c in conditions}) > 1)
    return tuple(differ)


def train_on_planes(
    request: TrainingRequest,
    planes: Sequence[AnnotatedPlane],
    out: Path,
    token: CancelToken,
    preview: PlaneTask | None = None,
) -> Generator[Event | DeviceFound, None, Trained]:
    """Read the planes, train and load the model, with previews of a plane.

    Raises `InputError` as `train` does.
    """
    items = []
    for done, plane in enumerate(planes):
        token.raise_if_cancelled()
        yield Progress(done, len(planes), "reading images")
        items.append(plane.load())
    return (yield from _train(request, items, out, token, preview))


def train_on_cohort(
    request: TrainingRequest,
    cohort: Path,
    out: Path,
    token: CancelToken,
    preview: PlaneTask | None = None,
) -> Generator[Event | DeviceFound, None, Trained]:
    """Open a cohort's annotated rows, train and load the model; errors as in `train`."""
    from napari_metaseg.acquisition.cohort import read_cohort
    from napari_metaseg.datasets.items import open_items

    free = request.free_fields
    rows = [r for r in read_cohort(cohort, extra_fields=list(free)) if r.labels is not None]
    items = yield from open_items(rows, token, channels=request.channels)
    return (yield from _train(request, items, out, token, preview))


def _train(
    request: TrainingRequest,
    items: Sequence[PlaneItem],
    out: Path,
    token: CancelToken,
    preview: PlaneTask | None,
) -> Generator[Event | DeviceFound, None, Trained]:
    yield Progress(0, 0, "starting")
    from napari_metaseg.packages.package import load_package
    from napari_metaseg.prediction.device import device_label, resolve_device
    from napari_metaseg.training.job import train

    yield DeviceFound(device_label(resolve_device(request.device)))
    shown = preview_item(preview) if preview is not None else None
    result = yield from train(request, items, out, token, preview=shown)
    package = load_package(result.package)
    if shown is not None:
        yield last_preview(package, shown, request.device)
    model = LoadedModel(package.manifest.name, result.package, package)
    return Trained(model, result.best_score, result.finished)


def make_request(settings: dict[str, Any]) -> TrainingRequest:
    """The checked request for the widget's settings. Raises `InputError` in plain words."""
    from pydantic import ValidationError

    from napari_metaseg.training.request import TrainingRequest

    try:
        return TrainingRequest(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "settings"
        raise InputError(
            f"the setting {where.replace('_', ' ')} cannot be used", got=first["msg"]
        ) from None


def free_name(folder: Path, wanted: str) -> str:
    """`wanted`, or with a number behind it where the folder has a model of that name."""
    taken = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if wanted not in taken:
        return wanted
    numbers = (f"{wanted} {i}" for i in range(2, len(taken) + 3))
    return next(name for name in numbers if name not in taken)
