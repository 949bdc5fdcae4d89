"""A TIFF file while its structure is read: what is wrong with it becomes one clear error."""

from __future__ import annotations

import logging
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tifffile

from napari_metaseg.errors import InputError
from napari_metaseg.images import damage

# Without a handler Python prints tifffile's log to stderr, beside the one line of our own error.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

DAMAGE: tuple[type[Exception], ...] = (*damage.DAMAGE, tifffile.TiffFileError)
"""What tifffile and its codecs raise."""

_BYTES_PER_TYPE = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""TIFF 6.0 and BigTIFF data types that take more than one byte."""


@dataclass(frozen=True)
class OpenedTiff:
    """A TIFF file whose directories are read; `lock` guards the handle that its pages share."""

    path: Path
    tiff: tifffile.TiffFile
    lock: threading.Lock

    @contextmanager
    def reopened(self, tiff: tifffile.TiffFile | None = None) -> Iterator[None]:
        """The handle of the file (or another of its set) open once more, for one thread."""
        handle = (tiff or self.tiff).filehandle
        with self.lock:
            try:
                handle.open()
                yield
            except FileNotFoundError:
                raise InputError(f"{self.path} is no longer there") from None
            except DAMAGE as error:
                raise damaged(self.path, error) from error
            finally:
                handle.close()


@contextmanager
def opened_tiff(path: Path) -> Iterator[OpenedTiff]:
    """The file's structure, with every complaint of tifffile as one `InputError`."""
    try:
        with tifffile.TiffFile(path) as tiff:
            yield OpenedTiff(path, tiff, threading.Lock())
    except InputError:
        raise
    except DAMAGE as error:
        raise damaged(path, error) from error


def check_chain(opened: OpenedTiff) -> None:
    """Raise where the last page points to a further one that is not in the file.

    tifffile takes such a file for a shorter one, which would lose planes in silence.
    """
    place = opened.tiff.pages.next_page_offset
    handle, layout = opened.tiff.filehandle, opened.tiff.tiff
    handle.seek(place or 0)
    raw = handle.read(layout.offsetsize)
    if len(raw) < layout.offsetsize or any(raw):
        raise truncated(
            opened.path, f"{len(opened.tiff.pages)} pages and a pointer to a missing one"
        )


def check_tags(opened: OpenedTiff) -> None:
    """Raise where a value of the first page's directory lies beyond the end of the file.

    tifffile leaves such a tag out, which would lose the metadata in silence. Entries are code (2
    bytes), type (2), count and value or its offset (4 each, 8 in BigTIFF); TIFF 6.0, section 2.
    """
    handle, width = opened.tiff.filehandle, opened.tiff.tiff.offsetsize
    order, word = opened.tiff.byteorder, "Q" if width == 8 else "I"
    handle.seek(opened.tiff.pages[0].offset)
    head = struct.Struct(f"{order}Q" if width == 8 else f"{order}H")
    (count,) = head.unpack(handle.read(head.size))
    entry = struct.Struct(f"{order}HH{word}{word}")
    for _ in range(count):
        _, kind, number, offset = entry.unpack(handle.read(entry.size))
        size = number * _BYTES_PER_TYPE.get(kind, 1)
        if size > width and offset + size > handle.size:
            raise truncated(opened.path, "metadata beyond the end of the file")


def check_description(opened: OpenedTiff) -> None:
    """Raise for XML that declares entities: tifffile would write them out, however long."""
    text = str(opened.tiff.pages.first.description)
    if text.lstrip("\ufeff \t\r\n").startswith("<") and "<!DOCTYPE" in text:
        raise InputError(
            f"cannot open {opened.path}",
            got="metadata with a document type (DOCTYPE), which no microscope writes",
            way_out="Save the pixels anew, without these metadata",
        )


def truncated(path: Path, got: str) -> InputError:
    """The error for a file that ends too early."""
    return InputError(f"{path} is truncated", got=got, way_out="Copy or export the image again")


def damaged(path: Path, reason: object) -> InputError:
    """The error for a file that is no sound TIFF."""
    return InputError(
        f"{path} is not a readable TIFF",
        got=str(reason).removeprefix("<tifffile.").strip() or type(reason).__name__,
        way_out="It may be truncated or damaged; copy or export the image again",
    )
