"""Save a copy as OME-TIFF, plane by plane, with everything that the original said."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_metaseg.acquisition.record import AcquisitionRecord
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, Progress
from napari_metaseg.files import atomic_path
from napari_metaseg.images.protocol import ImageSource
from napari_metaseg.images.stated import without_notices
from napari_metaseg.images.vertical import stored_sizes, with_notice
from napari_metaseg.images.write import resolution_tags

if TYPE_CHECKING:
    from napari_metaseg.images.ome.original import Original

_CLASSIC_LIMIT = 2**32 - 2**26
_PAGE_OVERHEAD = 4096
_OME = "OME-XML"
_TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf8", ".tf2")


def save_copy(
    source: ImageSource, out: Path, record: AcquisitionRecord, token: CancelToken
) -> Iterator[Progress]:
    """Write one image with `record` as a zlib-compressed OME-TIFF, whole or not at all.

    Of an original with OME-XML every element stays that holds for this image: attributes change
    for which `record` declares another value, and what was there before is noted (`ome/edits.py`);
    other images of the file are left out. Of any other original the record is written as OME-XML
    and the file's own texts are kept in comment annotations, 8 million characters at most.

    Holds one plane in memory at a time and yields after each. BigTIFF where the pixels may not fit
    into 4 GiB. A cancel, a crash or a full disk leaves `out` as it was.
    Raises `InputError` for pixels that OME-TIFF cannot hold or that are not there, and where `out`
    is the source itself; `Cancelled` once `token` is set.
    """
    _check_target(source, out)
    document = _document(source, without_notices(record))
    total = len(document.planes)
    with atomic_path(out) as temporary:
        started = time.monotonic()
        for done in _write(source, temporary, document, resolution_tags(record)):
            left = (time.monotonic() - started) / done * (total - done)
            yield Progress(done, total, f"plane {done} of {total} saved", left)
            token.raise_if_cancelled()
    yield Progress(total, total, f"{out.name} saved", 0.0)


@dataclass(frozen=True)
class _Document:
    """What the first page of the copy says, and its planes (c, z, t) in their order."""

    xml: bytes
    planes: list[tuple[int, int, int]]


def _write(
    source: ImageSource, path: Path, document: _Document, tags: Mapping[str, Any]
) -> Iterator[int]:
    """Write the planes; the number of those written, after each."""
    import tifffile

    big = _is_big(source, document)
    with tifffile.TiffWriter(path, bigtiff=big) as writer:
        for done, (c, z, t) in enumerate(document.planes, start=1):
            writer.write(
                source.plane(c=c, z=z, t=t),
                description=document.xml if done == 1 else None,
                photometric="rgb" if "S" in source.axes else "minisblack",
                compression="zlib",
                metadata=None,
                contiguous=False,
                software="napari-metaseg",
                **tags,
            )
            yield done


def _check_target(source: ImageSource, out: Path) -> None:
    if out.suffix.lower() not in _TIFF_SUFFIXES[:2]:
        raise InputError(
            "a copy is saved as OME-TIFF", got=out.name, way_out="Give a name that ends in .ome.tif"
        )
    if out.exists() and source.path.exists() and out.samefile(source.path):
        raise InputError(
            f"a copy cannot take the place of the image {out}", way_out="Give another name"
        )
    if "X" not in source.axes:
        raise InputError(f"{source.name} has no pixels to copy", got="an index without its files")
    widest = 8 if source.dtype.kind == "f" else 4
    if source.dtype.kind not in "uif" or not 1 <= source.dtype.itemsize <= widest:
        raise InputError(
            f"OME-TIFF has no such pixels as {source.path.name}", got=str(source.dtype)
        )


def _is_big(source: ImageSource, document: _Document) -> bool:
    size = int(np.prod(source.shape, dtype=object)) * source.dtype.itemsize
    pages = len(document.planes) * _PAGE_OVERHEAD
    return size + pages + len(document.xml) > _CLASSIC_LIMIT


def _document(source: ImageSource, record: AcquisitionRecord) -> _Document:
    from napari_metaseg.images.ome.original import (
        complete,
        find_original,
        for_new_file,
        plane_indices,
    )
    from napari_metaseg.images.ome.state import take_back
    from napari_metaseg.images.ome.write import ome_xml

    sizes = stored_sizes(source)
    texts = {**_tiff_text(source), **source.original_metadata()}
    index = getattr(source, "scene_index", 0)
    original = find_original(texts.get(_OME, ""), index, sizes)
    planes = plane_indices(original.plane_order if original else "ZCT", sizes)
    if original is not None:
        for_new_file(original, source.dtype.name, len(planes))
        take_back(original.tree.root, original.image)
        if complete(original, record):
            del texts[_OME]
            xml = _extended(original, record, texts)
            return _Document(xml.encode(), planes)
    record = with_notice(source, record)
    xml = ome_xml(record, sizes, source.dtype.name, name=source.name, originals=texts)
    return _Document(xml.encode(), plane_indices("ZCT", sizes))


def _extended(original: Original, record: AcquisitionRecord, texts: Mapping[str, str]) -> str:
    """The original document with what the record declares, and further texts of the file."""
    from napari_metaseg.images.ome.kept_texts import keep_texts
    from napari_metaseg.images.ome.state import put_statements

    put_statements(original.tree, original.image, record)
    keep_texts(original.tree.root, original.image, texts)
    return original.tree.text()


def _tiff_text(source: ImageSource) -> dict[str, str]:
    """The OME-XML of a TIFF, whatever its reader tells."""
    import tifffile

    if source.path.suffix.lower() not in _TIFF_SUFFIXES or not source.path.is_file():
        return {}
    try:
        with tifffile.TiffFile(source.path) as tiff:
            return {_OME: tiff.ome_metadata} if tiff.is_ome and tiff.ome_metadata else {}
    except (tifffile.TiffFileError, OSError, ValueError):
        return {}
