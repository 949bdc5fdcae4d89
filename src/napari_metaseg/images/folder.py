"""A folder of images as rows of a cohort table, with what is known of how each was taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from napari_metaseg.acquisition.cohort import CohortRow
from napari_metaseg.acquisition.condition import condition_values, derive_condition
from napari_metaseg.acquisition.conflicts import conflicts
from napari_metaseg.acquisition.record import AcquisitionRecord, Conflict, Value
from napari_metaseg.errors import InputError
from napari_metaseg.events import Notice, Progress
from napari_metaseg.images.masks import MaskFinder, kind_of, looks_like_mask
from napari_metaseg.images.open import open_images
from napari_metaseg.images.protocol import ImageSource, plain_stem
from napari_metaseg.images.walk import walk
from napari_metaseg.images.without_pixels import files_of, has_pixels


@dataclass(frozen=True)
class FolderImage:
    """One image of the folder: its row, its record, and what in the record cannot hold together.

    `image` is the image itself, opened.
    """

    row: CohortRow
    record: AcquisitionRecord
    conflicts: tuple[Conflict, ...]
    image: ImageSource


def cohort_rows(
    folder: Path, labels_pattern: str = ""
) -> Iterator[FolderImage | Notice | Progress]:
    """Every image below a folder, in natural order, as a row of a cohort table; reads no pixels.

    One row per scene (of a plate: per field of a well, grouped by well); a channel is left to be
    chosen. Conditions are filled in where they are known of the image as a whole; what varies
    between channels or planes is left empty, for each plane's own value is read with it. Masks are
    found by `MaskFinder` and are no rows of their own. A file that cannot be opened is told as a
    `Notice`. Raises `InputError` for a path that is no folder, a pattern that cannot be one, and a
    folder in which there is no image.
    """
    finder, found = MaskFinder(folder, labels_pattern), walk(folder)
    for error in found.refused:
        yield Notice(str(error))
    masks = {mask.resolve() for path in found.images for mask in finder.candidates(path)}
    paths = [*found.indexes, *(path for path in found.images if path.resolve() not in masks)]
    claimed, count = set[Path](), 0
    for done, path in enumerate(paths):
        yield Progress(done, len(paths), path.name)
        if path.resolve() in claimed:
            continue
        for event in _rows_of(path, folder, finder, claimed):
            count += isinstance(event, FolderImage)
            yield event
    yield Progress(len(paths), len(paths))
    if not count:
        raise _nothing(folder, found.refused)


def _nothing(folder: Path, refused: list[InputError]) -> InputError:
    got = f"{len(refused)} files that cannot be opened" if refused else "no image files"
    return InputError(
        f"no images in {folder}",
        got=got,
        way_out="Give the folder that holds the images; 'metaseg info FILE' tells what a file is",
    )


def _rows_of(
    path: Path, folder: Path, finder: MaskFinder, claimed: set[Path]
) -> Iterator[FolderImage | Notice]:
    """The rows of one file, plate or OME-Zarr; `claimed` takes up the files that it consists of."""
    if not finder.pattern and looks_like_mask(path):
        yield Notice(f"{path} is named like a mask, and no image belongs to it; left out")
        return
    try:
        images = open_images(path)
    except InputError as error:
        yield Notice(str(error))
        return
    if images and images[0].path != path and images[0].path.resolve() in claimed:
        return  # a plate that was found from the folder above as well
    claimed.update(file.resolve() for image in images for file in files_of(image))
    there = [image for image in images if has_pixels(image)]
    if len(there) < len(images):
        number = len(images) - len(there)
        yield Notice(f"{path}: the pixel files of {number} images are not there; left out")
    for image in there:
        yield from _row(image, folder, finder, alone=len(images) == 1)


def _row(
    image: ImageSource, folder: Path, finder: MaskFinder, *, alone: bool
) -> Iterator[FolderImage | Notice]:
    try:
        record = image.record
        condition = _known(image, record)
    except InputError as error:
        yield Notice(str(error))
        return
    labels = finder.find(image)
    if len(labels) > 1:
        yield Notice(f"{image.path}: {len(labels)} masks fit ({labels[0].name}, …); none is taken")
    if "Y" not in image.axes:
        yield Notice(f"{image.path}: {image.name} is a vertical scan; training asks for plane_axes")
    row = CohortRow(
        image=image.path,
        labels=labels[0] if len(labels) == 1 else None,
        group=_group(image, folder),
        sample=_sample(image, alone=alone),
        scene="" if alone else image.name,
        stated=condition,
    )
    if row.labels is not None:
        row = replace(row, label_kind=kind_of(row.labels))
    yield FolderImage(row, record, conflicts(record), image)


def _known(image: ImageSource, record: AcquisitionRecord) -> dict[str, Value]:
    """The condition of the image as a whole: what all channels share, at the first and last time.

    A cell overrules the file, so one channel's exposure must not stand there for another's.
    """
    times = {0, image.size("T") - 1}
    places = product(range(image.size("C")), times)
    first, *others = (condition_values(derive_condition(record, c, t=t)) for c, t in places)
    return {n: v for n, v in first.items() if all(other.get(n) == v for other in others)}


def _group(image: ImageSource, folder: Path) -> str:
    """What must not be divided between training and test: the well, else the file."""
    if image.position is not None:
        return f"{image.position.plate} {image.position.well}".strip()
    try:
        return image.path.relative_to(folder).as_posix()
    except ValueError:
        return image.path.name


def _sample(image: ImageSource, *, alone: bool) -> str:
    if image.position is not None:
        return f"{image.position.well} field {image.position.field}"
    stem = plain_stem(image.path)
    return stem if alone or image.name == stem else f"{stem} {image.name}"
