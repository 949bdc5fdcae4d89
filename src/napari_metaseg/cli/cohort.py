"""`metaseg cohort`: a cohort table from a folder of images."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, Notice, Progress

if TYPE_CHECKING:
    from napari_metaseg.images.folder import FolderImage

_DESCRIPTION = """\
Make a table of the images in a folder and the folders in it: one row per image (of a plate: per
field of a well), with its mask and what its file and sidecar say of how it was taken. Look through
it, fill in what is missing, and train with it.

  metaseg cohort images/ --out cohort.csv
  metaseg cohort images/ --out cohort.csv --labels 'masks/{stem}_mask.tif'

Masks are matched by a path relative to the image's folder or to FOLDER, with * and ? and {stem},
{name}, {parent}, {scene}, {well}, {field}. Without --labels the usual names are tried: the image's
with _labels, _mask, _masks or _classes, or the same name in a folder labels or masks beside it, or
the labels within an OME-Zarr.

Several channels: fill the column 'channel' with a number from 0 or a name, or several joined by ;.
"""
_SHOWN = 5


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "cohort",
        help="make a table of a folder of images",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder of images")
    parser.add_argument(
        "--out", type=Path, required=True, help="the table to write: .csv, or .parquet"
    )
    parser.add_argument("--labels", default="", metavar="PATTERN", help="where the masks are")
    parser.add_argument("--force", action="store_true", help="replace a table that is there")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, token: CancelToken) -> int:
    """Write the table and tell on stderr what was found, what is missing, and what contradicts."""
    from napari_metaseg.acquisition.cohort import write_cohort
    from napari_metaseg.acquisition.fields import CONDITION_FIELDS
    from napari_metaseg.acquisition.project import find_project

    _check_out(arguments.out, force=arguments.force)
    declared = find_project(arguments.folder).fields
    images = list(_found(arguments.folder, arguments.labels, token))
    columns = (*CONDITION_FIELDS, *declared)
    write_cohort([image.row for image in images], arguments.out, fields=columns)
    for line in _summary(images, columns):
        print(line, file=sys.stderr)
    print(f"{len(images)} image(s): {arguments.out}")
    return 0


def _check_out(out: Path, *, force: bool) -> None:
    if out.suffix.lower() not in (".csv", ".parquet"):
        raise InputError(
            "a cohort table is CSV or parquet",
            got=out.name,
            way_out="Give a name that ends in .csv or .parquet",
        )
    if out.exists() and not force:
        raise InputError(
            f"{out} is there already, and may have been edited by hand",
            way_out="Give another name, or --force to replace it",
        )


def _found(folder: Path, pattern: str, token: CancelToken) -> Iterator[FolderImage]:
    """The images; progress and notices go to stderr."""
    from napari_metaseg.images.folder import cohort_rows

    shows, count = sys.stderr.isatty(), 0
    for event in cohort_rows(folder, pattern):
        token.raise_if_cancelled()
        if isinstance(event, Notice):
            print(("\r\033[K" if shows else "") + f"note: {event.text}", file=sys.stderr)
        elif not isinstance(event, Progress):
            count += 1
            yield event
        elif shows:
            text = f"{event.done} of {event.total} files, {count} images  {event.message[:40]}"
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    if shows:
        print("\r\033[K", end="", file=sys.stderr)


def _summary(images: Sequence[FolderImage], columns: Sequence[str]) -> Iterator[str]:
    total = len(images)
    labelled = sum(image.row.labels is not None for image in images)
    yield f"masks: {labelled} of {total} images have one"
    known = Counter(name for image in images for name in image.row.stated)
    missing = {name: total - known[name] for name in columns if known[name] < total}
    if missing:
        parts = (f"{name} ({'all' if n == total else n})" for name, n in missing.items())
        yield f"empty cells: {', '.join(parts)}"
    several = sum(len(image.record.channels) > 1 for image in images)
    if several:
        yield f"{several} image(s) have several channels: fill the column 'channel' to choose"
    doubtful = [image for image in images if image.conflicts]
    if doubtful:
        yield f"{len(doubtful)} image(s) say what cannot hold together:"
    for image in doubtful[:_SHOWN]:
        about = "".join(f"{name}: " for name in image.conflicts[0].fields[:1])
        yield f"  {image.row.name}: {about}{image.conflicts[0].message}"
    if len(doubtful) > _SHOWN:
        yield f"  … and {len(doubtful) - _SHOWN} more ('metaseg info' shows each)"
