"""The pages of a TIFF series by their number, each read when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.errors import InputError
from napari_metaseg.images.page_file import holds
from napari_metaseg.images.tiff.segments import read_part
from napari_metaseg.images.tiff.structure import OpenedTiff, damaged, truncated


class Pages(Protocol):
    """Pages in the order of a series' own axes."""

    def read(self, index: int) -> NDArray[Any]:
        """The pixels of one page. Raises `InputError` where they cannot be read."""

    def part(self, index: int, rows: slice, columns: slice) -> NDArray[Any] | None:
        """Some rows and columns of a page; None where that takes about as long as all of it."""


@dataclass(frozen=True)
class ListedPages:
    """Pages whose directories were all read when the file was opened."""

    opened: OpenedTiff
    pages: list[Any]

    def read(self, index: int) -> NDArray[Any]:
        """The pixels of one page, which may stand in another file of a set."""
        page = self.pages[index]
        with self.opened.reopened(page.parent):
            pixels: NDArray[Any] = page.asarray()
        return pixels

    def part(self, index: int, rows: slice, columns: slice) -> NDArray[Any] | None:
        """Some rows and columns of one page."""
        page = self.pages[index]
        with self.opened.reopened(page.parent):
            return read_part(page, rows, columns)


@dataclass(frozen=True)
class LinkedPages:
    """Pages that are looked up, along the chain of directories, when they are read."""

    opened: OpenedTiff

    def read(self, index: int) -> NDArray[Any]:
        """The pixels of one page."""
        with self.opened.reopened():
            pixels: NDArray[Any] = self._find(index).asarray()
        return pixels

    def part(self, index: int, rows: slice, columns: slice) -> NDArray[Any] | None:
        """Some rows and columns of one page."""
        with self.opened.reopened():
            return read_part(self._find(index), rows, columns)

    def _find(self, index: int) -> Any:
        path, pages = self.opened.path, self.opened.tiff.pages
        try:
            page = pages[index]
        except IndexError:
            raise truncated(path, f"no page for plane {index}") from None
        if page.shape != pages[0].shape or page.dtype != pages[0].dtype:
            got = f"{page.dtype} {page.shape} at page {index}, {pages[0].shape} at page 0"
            raise damaged(path, got)
        _check(self.opened, page)
        return page


@dataclass(frozen=True)
class RawPages:
    """Planes of an uncompressed block without directories of their own (ImageJ beyond 4 GB)."""

    opened: OpenedTiff
    start: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def step(self) -> int:
        """How many bytes one plane takes."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def read(self, index: int) -> NDArray[Any]:
        """The pixels of one plane of the block."""
        count, offset = int(np.prod(self.shape)), self.start + index * self.step
        with self.opened.reopened():
            found = np.fromfile(self.opened.path, self.dtype, count, offset=offset)
        return found.reshape(self.shape)

    def part(self, index: int, rows: slice, columns: slice) -> NDArray[Any] | None:
        """Some rows and columns of one plane of the block."""
        if len(self.shape) != 2:
            return None
        start = self.start + index * self.step
        with self.opened.reopened():
            block = np.memmap(self.opened.path, self.dtype, "r", start, self.shape)
            return np.array(block[rows, columns])


def listed_pages(opened: OpenedTiff, series: Any, count: int) -> Pages:
    """The `count` pages of a tifffile series, each known to lie whole within the file."""
    if len(series.pages) == count:
        pages = [series.pages[i] for i in range(count)]
        for page in pages:
            _check(opened, page)
        return ListedPages(opened, pages)
    stored = np.dtype(series.dtype).newbyteorder(opened.tiff.byteorder)
    raw = RawPages(opened, series.dataoffset or 0, series.keyframe.shape, stored)
    if not raw.start or raw.start + raw.step * count > opened.tiff.filehandle.size:
        raise truncated(opened.path, f"{len(series.pages)} of {count} planes")
    return raw


def _check(opened: OpenedTiff, page: Any) -> None:
    if page is None:
        raise InputError(
            f"{opened.path} does not hold all its planes",
            got="one file of a set, or a damaged file",
            way_out="Put all files of the set into one folder, or export it as one OME-TIFF",
        )
    ends = (a + b for a, b in zip(page.dataoffsets, page.databytecounts, strict=False))
    size = page.parent.filehandle.size
    if max(ends, default=0) > size:
        raise truncated(opened.path, "pixels beyond the end of the file")
    if not holds(size, page.nbytes):
        raise damaged(opened.path, f"a page of {page.nbytes} bytes in a file of {size}")
