"""What the studies on generated images share: their training, their arms, their loading."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.datasets.items import PlaneItem, load_items
from napari_metaseg.events import Event, Notice
from napari_metaseg.studies.arms import Arm
from napari_metaseg.studies.study import StudyRequest
from napari_metaseg.training.request import TrainingRequest

Planes = tuple[list[PlaneItem], list[PlaneItem]]
"""The planes for training (and validation), and those for the test."""

GENERAL = Arm("general", "one network, no metadata", {"strategy": "general", "method": "none"})
ZOOMED = Arm(
    "scale-augmented",
    "one network, no metadata, images zoomed at random as for the networks that are told of it",
    {"strategy": "scale-augmented", "method": "none"},
)
SE = Arm(
    "se",
    "the image's own averages weight each feature, no metadata, images zoomed at random",
    {"strategy": "scale-augmented", "method": "se"},
)


def method_arm(method: str) -> Arm:
    """The conditioned network of that method, told the truth."""
    return Arm(
        method, METHODS[method].sentence if method in METHODS else method, {"method": method}
    )


def without_metadata(arm: Arm) -> Arm:
    """The same trained network, told nothing at the test."""
    sentence = "the same network, every field unknown at the test"
    return Arm(f"{arm.name}, withheld", sentence, arm.changes, "withheld")


def withheld_arm(method: str) -> Arm:
    """The network of that method, told nothing at the test."""
    return without_metadata(method_arm(method))


def twin_arm(method: str, **changes: Any) -> Arm:
    """The network with as many weights, zoomed alike, that never learns any metadata."""
    own = {"method": method, "metadata_dropout": 1.0, **changes}
    return Arm(f"{method}-twin", "as many weights, never told any metadata", own, "withheld")


def base_request(
    request: StudyRequest, fields: Sequence[str], *, max_zoom: float = 1.0
) -> TrainingRequest:
    """The training that every arm changes: small, so that many can be afforded.

    Images are zoomed only where the network is told of it by one of the `fields`.
    """
    return TrainingRequest(
        steps=20 if request.quick else 300,
        width=8,
        depth=3,
        patch_px=64,
        batch_size=8,
        fields=tuple(fields),
        max_zoom=max_zoom,
        sampling="natural",
    )


def load_generated(
    request: StudyRequest, name: str, write: Callable[[Path], Path], columns: Sequence[str] = ()
) -> Generator[Event, None, Planes]:
    """The planes of a cohort that `write` makes in a folder, with these free columns.

    `quick` cohorts are smaller, so they have a name of their own.
    """
    yield Notice(f"Generating images: {name}")
    table = write(request.out / "cohorts" / cohort_name(request, name))
    return split_planes(load_items(read_cohort(table, extra_fields=columns)))


def cohort_name(request: StudyRequest, name: str) -> str:
    """The name under which a generated cohort and the networks trained on it are kept."""
    return f"{name}-quick" if request.quick else name


def split_planes(items: Sequence[PlaneItem]) -> Planes:
    """Planes for training and validation, and planes for the test, as the table says; in memory."""
    loaded = [item.loaded() for item in items]
    return [i for i in loaded if i.split != "test"], [i for i in loaded if i.split == "test"]
