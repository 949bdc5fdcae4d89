"""Save a copy as OME-TIFF, plane by plane, with everything that the original said."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from napari_metaseg.acquisition.record import AcquisitionRecord
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, Progress
from napari_metaseg.files import atomic_path
from napari_metaseg.images.protocol import ImageSource
from napari_metaseg.images.stated import without_notices
from napari_metaseg.images.write import resolution_tags

_CLASSIC_LIMIT = 2**32 - 2**26
_PAGE_OVERHEAD = 4096


def save_copy(
    source: ImageSource, out: Path, record: AcquisitionRecord, token: CancelToken
) -> Iterator[Progress]:
    """Write `source` with `record` as a zlib-compressed OME-TIFF, whole or not at all.

    Holds one plane in memory at a time and yields after each. BigTIFF where the pixels may not fit
    into 4 GiB. A cancel, a crash or a full disk leaves `out` as it was.
    Raises `InputError` for pixels that OME-TIFF cannot hold and where `out` is the source itself;
    `Cancelled` once `token` is set.
    """
    import tifffile

    _check_target(source, out)
    xml = _xml(source, without_notices(record))
    sizes = {axis: source.size(axis) for axis in "TCZYX"}
    total = sizes["T"] * sizes["C"] * sizes["Z"]
    options = _page_options(source, record)
    with atomic_path(out) as temporary:
        started = time.monotonic()
        with tifffile.TiffWriter(temporary, bigtiff=_is_big(source, total, xml)) as writer:
            for done, plane in enumerate(_planes(source, sizes), start=1):
                token.raise_if_cancelled()
                description = xml.encode() if done == 1 else None
                writer.write(plane, description=description, **options)
                left = (time.monotonic() - started) / done * (total - done)
                yield Progress(done, total, f"plane {done} of {total} saved", left)
        token.raise_if_cancelled()
    # The last event would else come before the file has its name.
    yield Progress(total, total, f"{out.name} saved", 0.0)


def _check_target(source: ImageSource, out: Path) -> None:
    if out.suffix.lower() not in (".tif", ".tiff"):
        raise InputError(
            "a copy is saved as OME-TIFF", got=out.name, way_out="Give a name that ends in .ome.tif"
        )
    if out.exists() and source.path.exists() and out.samefile(source.path):
        raise InputError(
            f"a copy cannot take the place of the image {out}", way_out="Give another name"
        )
    if source.dtype.kind not in "uif" or source.dtype.itemsize > (
        8 if source.dtype.kind == "f" else 4
    ):
        raise InputError(
            f"OME-TIFF has no such pixels as {source.path.name}", got=str(source.dtype)
        )


def _is_big(source: ImageSource, pages: int, xml: str) -> bool:
    size = int(np.prod(source.shape, dtype=object)) * source.dtype.itemsize
    return size + pages * _PAGE_OVERHEAD + len(xml) > _CLASSIC_LIMIT


def _page_options(source: ImageSource, record: AcquisitionRecord) -> dict[str, Any]:
    return {
        "photometric": "rgb" if "S" in source.axes else "minisblack",
        "compression": "zlib",
        "metadata": None,
        "contiguous": False,
        "software": "napari-metaseg",
        **resolution_tags(record),
    }


def _planes(source: ImageSource, sizes: Mapping[str, int]) -> Iterator[Any]:
    """Every plane, z fastest, then c, then t: OME's XYZCT."""
    for t, c, z in product(range(sizes["T"]), range(sizes["C"]), range(sizes["Z"])):
        yield source.plane(c=c, z=z, t=t)


def _xml(source: ImageSource, record: AcquisitionRecord) -> str:
    from napari_metaseg.images.ome.write import ome_xml

    sizes = dict(zip(source.axes, source.shape, strict=True))
    return ome_xml(record, sizes, source.dtype.name, name=source.name)
