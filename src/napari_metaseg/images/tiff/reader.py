"""TIFF of every kind: pixels page by page through tifffile, metadata by who wrote the file."""

from __future__ import annotations

import logging
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_metaseg.acquisition.record import AcquisitionRecord
from napari_metaseg.errors import InputError
from napari_metaseg.images.ome.fileset import open_set, report_companion
from napari_metaseg.images.protocol import ImageSource, PlanewiseImage, plain_stem
from napari_metaseg.images.tiff.layout import Layout, plan_layout
from napari_metaseg.images.tiff.plain_ome import PlainSeries, plan_plain_ome
from napari_metaseg.images.tiff.record import series_record
from napari_metaseg.images.tiff.vendor import original_texts

# Without a handler Python prints tifffile's log to stderr, beside the one line of our own error.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_DAMAGE = (
    tifffile.TiffFileError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What tifffile and the codecs raise on damaged files, as found by cutting and flipping bytes."""

_BYTES_PER_TYPE = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""TIFF 6.0 and BigTIFF data types that take more than one byte."""

_Series = tifffile.TiffPageSeries | PlainSeries

_COLOUR = {"RGB", "YCBCR", "CIELAB", "ICCLAB"}


@dataclass(frozen=True)
class _RawPage:
    """A plane of an uncompressed block without a directory of its own (ImageJ beyond 4 GB)."""

    path: Path
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self) -> NDArray[Any]:
        count = int(np.prod(self.shape))
        return np.fromfile(self.path, self.dtype, count, offset=self.offset).reshape(self.shape)


class TiffImage(PlanewiseImage):
    """One series of a TIFF file.

    The file is open only while a plane is being read, so it can be moved or overwritten after.
    """

    def __init__(
        self,
        opened: _Opened,
        series: _Series,
        layout: Layout,
        record: AcquisitionRecord | Callable[[], AcquisitionRecord],
        scene_index: int,
    ) -> None:
        self.path, self.scene_index, self._record = opened.path, scene_index, record
        self.name = series.name or plain_stem(opened.path)
        self.axes, self.shape = layout.axes, layout.shape
        stored = np.dtype(series.dtype)
        self.dtype = np.dtype(np.uint8) if stored.kind == "b" else stored.newbyteorder("=")
        self._layout = layout
        self._page_axes = series.keyframe.axes
        plain = isinstance(series, PlainSeries)
        self._pages = None if plain else _stored_pages(opened, series, layout)
        self._tiff = opened.tiff
        self._lock = opened.lock

    def original_metadata(self) -> Mapping[str, str]:
        """What OME, ImageJ or a vendor wrote, read anew from the file."""
        with _opened(self.path) as opened:
            return original_texts(opened.tiff)

    def _read(self, c: int, z: int, t: int) -> NDArray[Any]:
        try:
            stored = self._read_page(self._layout.page_index(c, z, t))
        except FileNotFoundError:
            raise InputError(f"{self.path} is no longer there") from None
        except _DAMAGE as error:
            raise _damaged(self.path, error) from error
        return self._select(stored, c)

    def _read_page(self, index: int) -> NDArray[Any]:
        page = self._pages[index] if self._pages else None
        if isinstance(page, _RawPage):
            return page.read()
        with self._lock:
            handle = (page.parent if page else self._tiff).filehandle
            handle.open()
            try:
                pixels: NDArray[Any] = (page or self._find_page(index)).asarray()
            finally:
                handle.close()
        return pixels

    def _find_page(self, index: int) -> Any:
        """The page of that number, looked up in the open file."""
        pages = self._tiff.pages
        try:
            page = pages[index]
        except IndexError:
            raise _truncated(self.path, f"no page for plane {index}") from None
        if page.shape != pages[0].shape or page.dtype != pages[0].dtype:
            got = f"{page.dtype} {page.shape} at page {index}, {pages[0].shape} at page 0"
            raise _damaged(self.path, got)
        _check_page(self.path, page)
        return page

    def _select(self, stored: NDArray[Any], c: int) -> NDArray[Any]:
        """The plane out of its page: the channel, or the three colours last."""
        if "S" in self._page_axes:
            stored = np.moveaxis(stored, self._page_axes.index("S"), -1)
            samples = self._layout.samples
            stored = stored[..., :3] if samples == "rgb" else stored[..., c]
        return np.ascontiguousarray(stored, dtype=self.dtype)


@dataclass(frozen=True)
class _Opened:
    """A TIFF file while its structure is read; `lock` guards the handle that its pages share."""

    path: Path
    tiff: tifffile.TiffFile
    lock: threading.Lock


def open_tiff(path: Path) -> tuple[ImageSource, ...]:
    """Every series of a TIFF file; of a pyramid, the full resolution. Reads no pixels.

    Raises `InputError` for a file that is truncated or damaged, or has axes that are no image's.
    """
    with _opened(path) as opened:
        _check_tags(opened)
        _check_description(opened)
        plain = plan_plain_ome(opened.tiff)
        if plain is not None:
            return (_open_series(opened, plain, 0, 1),)
        _check_chain(opened)
        xml = (opened.tiff.ome_metadata if opened.tiff.is_ome else None) or ""
        images = open_set(path, xml)
        if images is not None:
            return images
        series = [s for s in opened.tiff.series if s.ndim >= 2]
        if not series:
            raise _damaged(path, "no image in it")
        alone = tuple(_open_series(opened, s, i, len(series)) for i, s in enumerate(series))
        return report_companion(alone, xml)


@contextmanager
def _opened(path: Path) -> Iterator[_Opened]:
    """The file's structure, with every complaint of tifffile as one `InputError`."""
    try:
        with tifffile.TiffFile(path) as tiff:
            yield _Opened(path, tiff, threading.Lock())
    except InputError:
        raise
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def _open_series(opened: _Opened, series: _Series, index: int, count: int) -> TiffImage:
    page = series.keyframe
    if np.dtype(series.dtype).kind not in "buif":
        raise InputError(
            f"{opened.path} has pixels that are no real numbers",
            got=str(series.dtype),
            way_out="Save its real part or its magnitude",
        )
    layout = plan_layout(
        series.get_axes(squeeze=False),
        series.get_shape(squeeze=False),
        page.axes,
        colour=tifffile.PHOTOMETRIC(page.photometric).name in _COLOUR,
        name=opened.path.name,
    )
    read = partial(series_record, opened.tiff, series, layout, index=index, count=count)
    late = isinstance(series, PlainSeries)
    record = partial(_reopened, opened, read) if late else read()
    return TiffImage(opened, series, layout, record, index)


def _reopened(opened: _Opened, read: Callable[[], AcquisitionRecord]) -> AcquisitionRecord:
    """What `read` gives while the file, closed since, is open again."""
    with opened.lock:
        try:
            opened.tiff.filehandle.open()
            return read()
        except _DAMAGE as error:
            raise _damaged(opened.path, error) from error
        finally:
            opened.tiff.filehandle.close()


def _stored_pages(opened: _Opened, series: Any, layout: Layout) -> list[Any]:
    """The pages in the series' own order, each known to lie whole within the file."""
    if len(series.pages) == layout.page_count:
        pages = [series.pages[i] for i in range(layout.page_count)]
        for page in pages:
            _check_page(opened.path, page)
        return pages
    shape, start = series.keyframe.shape, series.dataoffset
    stored = np.dtype(series.dtype).newbyteorder(opened.tiff.byteorder)
    step = int(np.prod(shape)) * stored.itemsize
    if start is None or start + step * layout.page_count > opened.tiff.filehandle.size:
        raise _truncated(opened.path, f"{len(series.pages)} of {layout.page_count} planes")
    return [
        _RawPage(opened.path, start + i * step, shape, stored) for i in range(layout.page_count)
    ]


def _check_page(path: Path, page: Any) -> None:
    if page is None:
        raise InputError(
            f"{path} does not hold all its planes",
            got="one file of a set, or a damaged file",
            way_out="Put all files of the set into one folder, or export it as one OME-TIFF",
        )
    ends = (a + b for a, b in zip(page.dataoffsets, page.databytecounts, strict=False))
    if max(ends, default=0) > page.parent.filehandle.size:
        raise _truncated(path, "pixels beyond the end of the file")


def _check_chain(opened: _Opened) -> None:
    """Raise where the last page points to a further one that is not in the file.

    tifffile takes such a file for a shorter one, which would lose planes in silence.
    """
    place = opened.tiff.pages.next_page_offset
    handle, layout = opened.tiff.filehandle, opened.tiff.tiff
    handle.seek(place or 0)
    raw = handle.read(layout.offsetsize)
    if len(raw) < layout.offsetsize or any(raw):
        raise _truncated(
            opened.path, f"{len(opened.tiff.pages)} pages and a pointer to a missing one"
        )


def _check_tags(opened: _Opened) -> None:
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
            raise _truncated(opened.path, "metadata beyond the end of the file")


def _check_description(opened: _Opened) -> None:
    """Raise for XML that declares entities: tifffile would write them out, however long."""
    text = str(opened.tiff.pages.first.description)
    if text.lstrip().startswith("<") and "<!DOCTYPE" in text:
        raise InputError(
            f"cannot open {opened.path}",
            got="metadata with a document type (DOCTYPE), which no microscope writes",
            way_out="Save the pixels anew, without these metadata",
        )


def _truncated(path: Path, got: str) -> InputError:
    return InputError(f"{path} is truncated", got=got, way_out="Copy or export the image again")


def _damaged(path: Path, reason: object) -> InputError:
    return InputError(
        f"{path} is not a readable TIFF",
        got=str(reason).removeprefix("<tifffile.").strip() or type(reason).__name__,
        way_out="It may be truncated or damaged; copy or export the image again",
    )
