"""Training items: one plane each, with its own condition and its annotation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.cohort import CohortRow, LabelKind
from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.acquisition.record import Value
from napari_metaseg.datasets.inputs import choose_channels, input_plane, plane_condition
from napari_metaseg.datasets.labels import LabelTarget, convert_labels
from napari_metaseg.errors import InputError
from napari_metaseg.images.labels import read_labels
from napari_metaseg.images.open import open_image
from napari_metaseg.images.protocol import ImageSource


@dataclass(frozen=True)
class PlaneItem:
    """One plane to train on or to score.

    `image` holds raw intensities (C, Y, X); `condition` what is known of this very plane; `group`
    is never divided between splits. `facts` are the row's values for reports. `label_kind` is the
    kind that `target` was converted from.
    """

    name: str
    image: NDArray[np.float32]
    condition: Condition
    target: LabelTarget | None
    group: str = ""
    split: str = ""
    label_kind: LabelKind = "instances"
    facts: Mapping[str, Value] = field(default_factory=dict)

    @property
    def group_key(self) -> str:
        """The group, or the item's own name where the cohort gives no group."""
        return self.group or self.name


def load_items(
    rows: Sequence[CohortRow], *, channels: int = 1, labels_needed: bool = True
) -> tuple[PlaneItem, ...]:
    """Read every plane of every row. Raises `InputError` naming the row that cannot be used."""
    return tuple(item for row in rows for item in iterate_items(row, channels, labels_needed))


def iterate_items(
    row: CohortRow, channels: int = 1, labels_needed: bool = True
) -> Iterator[PlaneItem]:
    """The planes of one row, one at a time (all z and t unless the row names them)."""
    source = open_image(row.image, row.scene)
    if labels_needed and row.labels is None:
        raise InputError(
            f"{row.name} has no labels",
            way_out="Fill the column 'labels', or leave the row out of this split",
        )
    chosen = choose_channels(source, row.channel, channels)
    for z, t in planes_of(source, row.z, row.t):
        image = input_plane(source, chosen, z=z, t=t)
        yield PlaneItem(
            name=_plane_name(row.name, source, z, t),
            image=image,
            condition=plane_condition(source, row.stated, c=chosen[0], z=z, t=t),
            target=_target(row, image.shape[-2:], source, z, t),
            group=row.group,
            split=row.split,
            label_kind=row.label_kind,
            facts=row.stated,
        )


def planes_of(source: ImageSource, z: int | None, t: int | None) -> list[tuple[int, int]]:
    """The (z, t) of every plane, or of the one named; raises `InputError` outside the image."""
    for axis, index in (("Z", z), ("T", t)):
        if index is not None and index >= source.size(axis):
            raise InputError(
                f"{source.name} has no {axis.lower()} = {index}",
                got=f"{source.size(axis)} plane(s) along {axis}",
                way_out="Count from 0",
            )
    zs = range(source.size("Z")) if z is None else (z,)
    ts = range(source.size("T")) if t is None else (t,)
    return [(z, t) for t in ts for z in zs]


def _plane_name(name: str, source: ImageSource, z: int, t: int) -> str:
    parts = [f"{axis.lower()}={i}" for axis, i in (("Z", z), ("T", t)) if source.size(axis) > 1]
    return " ".join([name, *parts])


def _target(
    row: CohortRow, shape: tuple[int, ...], source: ImageSource, z: int, t: int
) -> LabelTarget | None:
    if row.labels is None:
        return None
    plane = _labels_plane(row.labels, source, {"Z": z, "T": t})
    raw = read_labels(row.labels, z=plane["Z"], t=plane["T"])
    if raw.shape != shape:
        raise InputError(
            f"the labels of {row.name} do not fit the image",
            got=f"labels {raw.shape[0]}x{raw.shape[1]}, image {shape[0]}x{shape[1]} (y, x)",
            way_out="Give labels with the image's own height and width",
        )
    return convert_labels(raw, row.label_kind)


def _labels_plane(path: Path, source: ImageSource, plane: Mapping[str, int]) -> dict[str, int]:
    """Where in the labels file this plane's labels stand; one plane serves a whole stack."""
    labels = open_image(path)
    place = {}
    for axis, index in plane.items():
        size = labels.size(axis)
        if size not in (1, source.size(axis)):
            raise InputError(
                f"the labels {path.name} do not fit {source.name}",
                got=f"{size} planes along {axis}, the image has {source.size(axis)}",
                way_out="Give labels with one plane, or as many as the image",
            )
        place[axis] = index if size > 1 else 0
    return place
