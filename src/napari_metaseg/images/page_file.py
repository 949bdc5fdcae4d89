"""One plane out of a TIFF file that an index or another file points to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.images.tiff.structure import DAMAGE, damaged

_LARGE_BYTES = 1 << 28
_MOST_COMPRESSED = 2000
"""No codec of TIFF makes pixels smaller than this; a file that claims so is damaged."""


@dataclass(frozen=True, slots=True)
class PlaneFile:
    """Where the pixels of one plane should be: a TIFF file and the number of its page."""

    path: Path
    page: int = 0


def read_page(file: PlaneFile) -> NDArray[Any]:
    """The pixels of the page, without axes of length 1.

    Raises `InputError` where the file is no TIFF, is damaged, or has no such page.
    """
    import tifffile

    with reading_tiff(file.path), tifffile.TiffFile(file.path) as tiff:
        page = tiff.pages[file.page]
        _check_size(page, tiff.filehandle.size)
        return np.squeeze(page.asarray())


def page_form(file: PlaneFile) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of the page's pixels, without reading them. Raises as `read_page` does."""
    import tifffile

    with reading_tiff(file.path), tifffile.TiffFile(file.path) as tiff:
        page = tiff.pages[file.page]
        shape = tuple(int(n) for n in page.shape if n != 1)
        return shape, np.dtype(page.dtype).newbyteorder("=")


@contextmanager
def reading_tiff(path: Path) -> Iterator[None]:
    """Every complaint of tifffile and its codecs as one `InputError`."""
    try:
        yield
    except DAMAGE as error:
        raise damaged(path, error) from error


def holds(file_bytes: int, pixel_bytes: float) -> bool:
    """Whether that many bytes of pixels, compressed or not, can be in a TIFF of that size."""
    return pixel_bytes <= max(_LARGE_BYTES, _MOST_COMPRESSED * file_bytes)


def _check_size(page: Any, size: int) -> None:
    """Raise `ValueError` for pixels that cannot be in a file of `size` bytes."""
    ends = (a + b for a, b in zip(page.dataoffsets, page.databytecounts, strict=False))
    if max(ends, default=0) > size:
        raise ValueError("pixels beyond the end of the file")
    if not holds(size, page.nbytes):
        raise ValueError(f"a page of {page.nbytes} bytes in a file of {size}")
