"""Long ways to save: a copy as OME-TIFF, or into the file itself. No widgets here."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari.layers import Layer

from napari_metaseg.acquisition.record import AcquisitionRecord
from napari_metaseg.acquisition.statements import apply_statements
from napari_metaseg.events import CancelToken, Event, Progress
from napari_metaseg.images.protocol import plain_stem
from napari_metaseg.plugin import known, layers, saved


@dataclass(frozen=True)
class SaveTask:
    """One image to save: its file and scene, and its record with every edit."""

    path: Path
    scene: str
    record: AcquisitionRecord


def save_task(layer: Layer, images: Sequence[Layer]) -> SaveTask:
    """The task for the image that a layer shows. Raises `InputError` for a layer without a file."""
    path = saved.file_of(layer)
    stated = saved.statements_for(layer, images)
    record = apply_statements(known.file_record(layer), stated, path="napari")
    return SaveTask(path, str(layers.info(layer).get("scene", "")), record)


def copy_place(path: Path) -> Path:
    """Where a copy is offered to be saved: beside the file, under a name that is free."""
    stem = f"{plain_stem(path)}_copy"
    names = (f"{stem}{'' if i == 1 else i}.ome.tif" for i in range(1, 1000))
    return next(p for n in names if not (p := path.parent / n).exists())


def copy_work(
    task: SaveTask, out: Path, token: CancelToken
) -> Generator[Event, None, tuple[str, Path]]:
    """Save a copy with the record. Raises `InputError` as `save_copy` does."""
    from napari_metaseg.images.copy import save_copy
    from napari_metaseg.images.open import open_image

    yield Progress(0, 0, "opening")
    yield from save_copy(open_image(task.path, task.scene), out, task.record, token)
    return "copy", out


def write_work(task: SaveTask, token: CancelToken) -> Generator[Event, None, tuple[str, Path]]:
    """Write the record into the file itself; gives the backup's path."""
    from napari_metaseg.images.update import update_in_place

    yield Progress(0, 0, "writing")
    token.raise_if_cancelled()
    return "file", update_in_place(task.path, {task.scene: task.record})


def why_not_into(path: Path | None) -> str:
    """Why the record cannot be written into a file, or empty: only an OME-TIFF takes it."""
    if path is None:
        return "This image was not opened from a file"
    if not path.name.lower().endswith((".tif", ".tiff", ".btf")):
        return "Only into an OME-TIFF; save a copy instead"
    return ""
