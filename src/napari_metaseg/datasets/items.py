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
from napari_metaseg.images.protocol import ImageSource, numbering_axes


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
    if is_vertical(source) and row.plane_axes != "ZX":
        raise InputError(
            f"{row.name} is a vertical scan, its planes are z by x",
            got=f"axes {source.axes}",
            way_out="State ZX in the cohort column 'plane_axes' if such planes are meant, or leave "
            "the row out",
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


def is_vertical(source: ImageSource) -> bool:
    """Whether the planes are vertical scans, z by x."""
    return "Y" not in source.axes


def planes_of(source: ImageSource, z: int | None, t: int | None) -> list[tuple[int, int]]:
    """The (z, t) of every plane, or of the one named; raises `InputError` outside the image."""
    counts = {a: _plane_count(source, a) for a in "ZT"}
    for axis, index in (("Z", z), ("T", t)):
        if index is not None and index >= counts[axis]:
            raise InputError(
                f"{source.name} has no {axis.lower()} = {index}",
                got=f"{counts[axis]} plane(s) along {axis}",
                way_out="Count from 0",
            )
    zs = range(counts["Z"]) if z is None else (z,)
    ts = range(counts["T"]) if t is None else (t,)
    return [(z, t) for t in ts for z in zs]


def _plane_count(source: ImageSource, axis: str) -> int:
    """How many planes there are along an axis: one where the axis lies within the plane."""
    return source.size(axis) if axis in numbering_axes(source.axes) else 1


def _plane_name(name: str, source: ImageSource, z: int, t: int) -> str:
    numbered = [(a, i) for a, i in (("Z", z), ("T", t)) if _plane_count(source, a) > 1]
    return " ".join([name, *(f"{a.lower()}={i}" for a, i in numbered)])


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
        size, count = _plane_count(labels, axis), _plane_count(source, axis)
        if size not in (1, count):
            raise InputError(
                f"the labels {path.name} do not fit {source.name}",
                got=f"{size} planes along {axis}, the image has {count}",
                way_out="Give labels with one plane, or as many as the image",
            )
        place[axis] = index if size > 1 else 0
    return place
