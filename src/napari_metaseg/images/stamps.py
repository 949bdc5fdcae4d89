"""Whether an image on disk is still what it was, told without reading its pixels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path

from napari_metaseg.images.protocol import ImageSource
from napari_metaseg.images.without_pixels import files_of
from napari_metaseg.images.zarr.image import ZarrImage

_MOST_FILES = 100_000


def image_stamp(image: ImageSource) -> str:
    """A digest of where the image's files are, how large, and when they were changed.

    Of a folder (an OME-Zarr) the files in it count, the first 100 000 in the order of their names.
    """
    places = [image.group] if isinstance(image, ZarrImage) else files_of(image)
    lines = (line for place in places for line in _lines(place))
    digest = sha256(image.name.encode(errors="surrogateescape"))
    for line in lines:
        digest.update(line)
    return digest.hexdigest()


def size_of(place: Path) -> int | None:
    """Bytes of a file, or of all files in a folder; None where there is neither."""
    try:
        if not place.is_dir():
            return place.stat().st_size
        return sum(file.stat().st_size for file in _files_in(place))
    except OSError:
        return None


def _lines(place: Path) -> Iterator[bytes]:
    files = islice(_files_in(place), _MOST_FILES) if place.is_dir() else (place,)
    for file in files:
        try:
            found = file.stat()
            told = f"{found.st_size} {found.st_mtime_ns}"
        except OSError:
            told = "not there"
        yield b"\n" + os.fsencode(file.resolve()) + b" " + told.encode()


def _files_in(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from _files_in(path)
        else:
            yield path
