"""Some rows and columns of a TIFF page: only the strips or tiles that hold them are decoded."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FEWEST_SEGMENTS = 8
"""A page in fewer segments than this is rather read whole."""


def read_part(page: Any, rows: slice, columns: slice) -> NDArray[Any] | None:
    """The part of a page (Y, X), (Y, X, S) or (S, Y, X); None where it cannot be read by itself.

    The page's file is open. Slices have a start and a stop.
    """
    form = page.keyframe
    if form.imagedepth != 1 or form.axes not in ("YX", "YXS", "SYX") or form.shape[-1] == 0:
        return None
    if form.is_memmappable and page.is_contiguous:
        return _mapped(page, form, rows, columns)
    if len(page.dataoffsets) < _FEWEST_SEGMENTS or form.jpegheader:
        return None
    return _decoded(page, form, rows, columns)


def _mapped(page: Any, form: Any, rows: slice, columns: slice) -> NDArray[Any]:
    dtype = np.dtype(page.parent.byteorder + form.dtype.char)
    path, start = page.parent.filehandle.path, page.dataoffsets[0]
    pixels = np.memmap(path, dtype, "r", start, form.shape)
    where = (rows, columns) if form.axes[0] == "Y" else (slice(None), rows, columns)
    return np.array(pixels[where])


def _decoded(page: Any, form: Any, rows: slice, columns: slice) -> NDArray[Any]:
    """Segments side by side; one that is not stored has the page's fill value."""
    planes = form.samplesperpixel if form.axes == "SYX" else 1
    samples = form.samplesperpixel if form.axes == "YXS" else 1
    size = rows.stop - rows.start, columns.stop - columns.start
    out = np.full((planes, *size, samples), form.nodata, form.dtype)
    handle = page.parent.filehandle
    for index in _wanted(form, planes, rows, columns):
        data = _stored(handle, page.dataoffsets[index], page.databytecounts[index])
        tables = {"jpegtables": form.jpegtables} if form.jpegtables else {}
        segment, place, shape = form.decode(data, index, **tables)
        if segment is not None:
            _place(out, segment, place, shape, (rows.start, columns.start))
    kept = out[0] if form.axes != "SYX" else out[..., 0]
    return kept[..., 0] if form.axes == "YX" else kept


def _wanted(form: Any, planes: int, rows: slice, columns: slice) -> Iterator[int]:
    """The numbers of the segments that hold any of the part."""
    length = form.tilelength if form.is_tiled else form.rowsperstrip
    width = form.tilewidth if form.is_tiled else form.imagewidth
    down, across = -(-form.imagelength // length), -(-form.imagewidth // width)
    places = product(
        range(planes),
        range(rows.start // length, (rows.stop - 1) // length + 1),
        range(columns.start // width, (columns.stop - 1) // width + 1),
    )
    return ((plane * down + y) * across + x for plane, y, x in places)


def _stored(handle: Any, offset: int, count: int) -> bytes | None:
    if not count:
        return None
    handle.seek(offset)
    data: bytes = handle.read(count)
    return data


def _place(
    out: NDArray[Any],
    segment: NDArray[Any],
    place: tuple[int, ...],
    shape: tuple[int, ...],
    start: tuple[int, int],
) -> None:
    """Put what a segment (D, Y, X, S) shares with the part that begins at `start`."""
    plane, _, y, x, _ = place
    (of_y, into_y), (of_x, into_x) = (
        _shared(first, side, low, size)
        for first, side, low, size in zip((y, x), shape[1:3], start, out.shape[1:3], strict=True)
    )
    out[plane, into_y, into_x] = segment[0, of_y, of_x]


def _shared(first: int, side: int, low: int, size: int) -> tuple[slice, slice]:
    """What a segment from `first` shares with a part from `low`, within the one and the other."""
    begin, end = max(first, low), min(first + side, low + size)
    return slice(begin - first, end - first), slice(begin - low, end - low)
