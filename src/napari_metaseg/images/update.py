"""Change the OME-XML inside an OME-TIFF: only on a person's explicit choice, with a backup."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_metaseg.acquisition.compare import declared_facts, field_facts, plane_facts
from napari_metaseg.acquisition.record import AcquisitionRecord
from napari_metaseg.errors import InputError
from napari_metaseg.files import atomic_path
from napari_metaseg.images.protocol import ImageSource, numbering_axes

_CLASSIC_LIMIT = 2**32 - 1
_WAY_OUT = "Save a copy, or keep what you stated in the sidecar"


def update_in_place(path: Path, records: Mapping[str, AcquisitionRecord]) -> Path:
    """Write what `records` (by image name) declare into the file's OME-XML; the backup's path.

    The pixels stay as they are. The work is done on a temporary copy, which is opened again and
    compared (declared values and fields of each image, its first and last plane) before it takes
    the file's place. The file as it was is kept beside it as `<name>.backup`, numbered where there
    is one. A crash or a full disk before that leaves the file as it was.
    Raises `InputError` for a file that is no OME-TIFF, is one of a set of files, or has no image of
    such a name, and where what is written does not read back.
    """
    from napari_metaseg.images.open import open_images

    path = path.resolve()
    xml = _own_xml(path)
    images = open_images(path)
    new = _edited(path, xml, images, records).encode()
    with atomic_path(path) as temporary:
        shutil.copyfile(path, temporary)
        _write_comment(temporary, new)
        _verify(path, images, open_images(temporary), records)
        _synced(temporary)
        return _keep(path)


def _own_xml(path: Path) -> str:
    """The OME-XML of a file that stands alone."""
    import tifffile

    from napari_metaseg.images.formats import recognise

    if recognise(path) != "tiff":
        raise InputError(f"{path.name} is no OME-TIFF", way_out=_WAY_OUT)
    try:
        with tifffile.TiffFile(path) as tiff:
            xml = tiff.ome_metadata if tiff.is_ome else None
    except (tifffile.TiffFileError, OSError, ValueError) as error:
        raise InputError(f"{path.name} is not a readable TIFF", got=str(error)) from None
    if not xml:
        raise InputError(f"{path.name} has no OME-XML to update", way_out=_WAY_OUT)
    return str(xml)


def _edited(
    path: Path, xml: str, images: Sequence[ImageSource], records: Mapping[str, AcquisitionRecord]
) -> str:
    from xml.etree.ElementTree import ParseError

    from napari_metaseg.images.ome.state import put_statements
    from napari_metaseg.images.ome.tree import parse_tree

    try:
        tree = parse_tree(xml)
    except (ParseError, ValueError) as error:
        raise InputError(
            f"the OME-XML of {path.name} is damaged", got=str(error), way_out=_WAY_OUT
        ) from None
    _require_alone(path, tree.root)
    if len(tree.images) != len(images):
        raise InputError(
            f"the OME-XML of {path.name} does not fit its pixels",
            got=f"{len(tree.images)} images described, {len(images)} there",
            way_out=_WAY_OUT,
        )
    for name, record in records.items():
        put_statements(tree, tree.images[_index(path, images, name)], record)
    return tree.text()


def _require_alone(path: Path, root: Any) -> None:
    from napari_metaseg.images.ome.tree import local

    names = {e.get("FileName") for e in root.iter() if local(e) == "UUID"} - {None, path.name}
    binary_only = any(local(e) == "BinaryOnly" for e in root)
    if names or binary_only:
        others = ", ".join(sorted(n for n in names if n)[:3]) or "a companion file"
        raise InputError(
            f"{path.name} is one of a set of files, which are only updated together",
            got=f"a reference to {others}",
            way_out=_WAY_OUT,
        )


def _index(path: Path, images: Sequence[ImageSource], name: str) -> int:
    for index, image in enumerate(images):
        if image.name == name:
            return index
    names = ", ".join(image.name for image in images[:5])
    raise InputError(f"{path.name} has no image {name!r}", way_out=f"Its images are: {names}")


def _write_comment(path: Path, xml: bytes) -> None:
    """Put the XML into the first page; where it does not fit, at the end of the file."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        big = tiff.is_bigtiff
    if not big and path.stat().st_size + len(xml) > _CLASSIC_LIMIT:
        raise InputError(
            "the file is a classic TIFF of nearly 4 GiB and cannot grow", way_out="Save a copy"
        )
    tifffile.tiffcomment(path, xml)


def _verify(
    path: Path,
    before: Sequence[ImageSource],
    after: Sequence[ImageSource],
    records: Mapping[str, AcquisitionRecord],
) -> None:
    for old, new in zip(before, after, strict=True):
        wanted = records.get(old.name)
        declared = wanted is None or declared_facts(new.record) == declared_facts(wanted)
        same = (old.axes, old.shape, old.dtype) == (new.axes, new.shape, new.dtype)
        if not (declared and same and _facts(old.record) == _facts(new.record)):
            raise _unfaithful(path, f"other metadata of {old.name}")
        for where in _ends(old):
            if not np.array_equal(old.plane(**where), new.plane(**where), equal_nan=True):
                raise _unfaithful(path, f"other pixels of {old.name}")


def _facts(record: AcquisitionRecord) -> tuple[Any, ...]:
    return field_facts(record), plane_facts(record)


def _ends(image: ImageSource) -> tuple[dict[str, int], dict[str, int]]:
    last = {axis.lower(): image.size(axis) - 1 for axis in numbering_axes(image.axes)}
    return {}, last


def _unfaithful(path: Path, got: str) -> InputError:
    return InputError(
        f"{path.name} was not updated: what was written did not read back",
        got=got,
        way_out=_WAY_OUT,
    )


def _synced(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _keep(path: Path) -> Path:
    """A second name for the file as it is, or a copy where the disk has no such names."""
    backup = path.with_name(f"{path.name}.backup")
    number = 2
    while os.path.lexists(backup):
        backup = path.with_name(f"{path.name}.backup{number}")
        number += 1
    try:
        backup.hardlink_to(path)
    except OSError:
        with atomic_path(backup) as temporary:
            shutil.copyfile(path, temporary)
        shutil.copystat(path, backup)
    return backup
