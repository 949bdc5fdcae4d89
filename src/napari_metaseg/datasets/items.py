"""The planes of a cohort: every file is opened once for its metadata, no pixels are read."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path

from napari_metaseg.acquisition.cohort import CohortRow
from napari_metaseg.datasets.inputs import choose_channels, plane_condition
from napari_metaseg.datasets.left_out import reason_of
from napari_metaseg.datasets.pixels import Unreadable
from napari_metaseg.datasets.plane_item import PlaneItem
from napari_metaseg.datasets.stored import StoredLabels, StoredPlane, opened, opened_scenes
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, Progress
from napari_metaseg.images.protocol import ImageSource, numbering_axes

__all__ = ["PlaneItem", "iterate_items", "load_items", "open_items"]


def load_items(
    rows: Sequence[CohortRow], *, channels: int = 1, labels_needed: bool = True
) -> tuple[PlaneItem, ...]:
    """Every plane of every row, see `open_items`."""
    return tuple(item for row in rows for item in _items_of(row, channels, labels_needed))


def open_items(
    rows: Sequence[CohortRow], token: CancelToken, *, channels: int = 1, labels_needed: bool = True
) -> Generator[Progress, None, tuple[PlaneItem, ...]]:
    """Every plane of every row, whose pixels are read later.

    A file that is missing, damaged or of no known format makes one item that says so when it is
    read, so that the survey can leave it out. Raises `InputError` naming a row that could never be
    used, and `Cancelled` between two rows.
    """
    items: list[PlaneItem] = []
    for done, row in enumerate(rows):
        token.raise_if_cancelled()
        yield Progress(done, len(rows), "opening images")
        items += _items_of(row, channels, labels_needed)
    return tuple(items)


def iterate_items(
    row: CohortRow, channels: int = 1, labels_needed: bool = True
) -> Iterator[PlaneItem]:
    """The planes of one row, one at a time (all z and t unless the row names them).

    Raises `InputError` for a row that cannot be used, its files being unreadable among the reasons.
    """
    _check_labelled(row, labels_needed)
    source = opened(row.image, row.scene)
    if is_vertical(source) and row.plane_axes != "ZX":
        raise InputError(
            f"{row.name} is a vertical scan, its planes are z by x",
            got=f"axes {source.axes}",
            way_out="State ZX in the cohort column 'plane_axes' if such planes are meant, or leave "
            "the row out",
        )
    chosen = choose_channels(source, row.channel, channels)
    height, width = plane_shape(source)
    for z, t in planes_of(source, row.z, row.t):
        plane = StoredPlane(
            path=row.image,
            scene=row.scene,
            channels=chosen,
            shape=(height, width),
            z=z,
            t=t,
            labels=_labels(row, source, z, t),
        )
        yield PlaneItem(
            name=_plane_name(row.name, source, z, t),
            source=plane,
            condition=plane_condition(source, row.stated, c=chosen[0], z=z, t=t),
            group=row.group,
            split=row.split,
            label_kind=row.label_kind,
            facts=row.stated,
        )


def _items_of(row: CohortRow, channels: int, labels_needed: bool) -> list[PlaneItem]:
    _check_labelled(row, labels_needed)
    try:
        for path in filter(None, (row.image, row.labels)):
            opened_scenes(path)
    except InputError as error:
        return [_unreadable(row, reason_of(error))]
    return list(iterate_items(row, channels, labels_needed))


def _check_labelled(row: CohortRow, needed: bool) -> None:
    if needed and row.labels is None:
        raise InputError(
            f"{row.name} has no labels",
            way_out="Fill the column 'labels', or leave the row out of this split",
        )


def _unreadable(row: CohortRow, reason: str) -> PlaneItem:
    return PlaneItem(
        name=row.name,
        source=Unreadable(reason),
        group=row.group,
        split=row.split,
        label_kind=row.label_kind,
        facts=row.stated,
    )


def is_vertical(source: ImageSource) -> bool:
    """Whether the planes are vertical scans, z by x."""
    return "Y" not in source.axes


def plane_shape(source: ImageSource) -> tuple[int, int]:
    """Rows and columns of a plane."""
    height, width = source.shape[: len(source.axes.removesuffix("S"))][-2:]
    return height, width


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


def _labels(row: CohortRow, source: ImageSource, z: int, t: int) -> StoredLabels | None:
    """Where this plane's labels stand in their file, which must fit the image."""
    if row.labels is None:
        return None
    labels = opened(row.labels)
    (height, width), wanted = plane_shape(labels), plane_shape(source)
    if (height, width) != wanted:
        raise InputError(
            f"the labels of {row.name} do not fit the image",
            got=f"labels {height}x{width}, image {wanted[0]}x{wanted[1]} (y, x)",
            way_out="Give labels with the image's own height and width",
        )
    place = _labels_plane(row.labels, labels, source, {"Z": z, "T": t})
    return StoredLabels(row.labels, row.label_kind, place["Z"], place["T"])


def _labels_plane(
    path: Path, labels: ImageSource, source: ImageSource, plane: Mapping[str, int]
) -> dict[str, int]:
    """Which plane of the labels file it is; one plane serves a whole stack."""
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
