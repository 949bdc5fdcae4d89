"""Which text files and folders are indexes of images: plates, OME-XML, OME-Zarr."""

from __future__ import annotations

from pathlib import Path

from napari_metaseg.images.safe_xml import root_name

_ROOTS = {
    "EvaluationInputData": "harmony",
    "MeasurementData": "yokogawa",
    "MeasurementDetail": "yokogawa",
    "MeasurementSetting": "yokogawa",
    "OME": "ome_xml",
}
"""The root element's name → the format."""

_ZARR_MARKS = ("zarr.json", ".zattrs", ".zgroup", ".zarray")


def text_index(path: Path, head: bytes) -> str | None:
    """The kind of index that a text file with the first bytes `head` is, or None."""
    text = _decoded(head).lstrip("\ufeff").lstrip()
    if text.startswith('"HTSInfoFile"'):
        return "metaxpress"
    return _ROOTS.get(root_name(path)) if text.startswith("<") else None


def folder_index(folder: Path) -> str | None:
    """The kind of image store or plate that a folder is, or None."""
    from napari_metaseg.images.plates.harmony import find_index
    from napari_metaseg.images.plates.metaxpress_htd import find_htd
    from napari_metaseg.images.plates.yokogawa import find_mlf

    if any((folder / name).is_file() for name in _ZARR_MARKS):
        return "zarr"
    if find_index(folder) is not None:
        return "harmony"
    if find_mlf(folder) is not None:
        return "yokogawa"
    return "metaxpress" if find_htd(folder) is not None else None


def _decoded(head: bytes) -> str:
    """The text by its byte order mark, else by where its zero bytes are."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", errors="replace")
    if head[:2] in (b"<\0", b"\0<"):
        return head.decode("utf-16-le" if head[1] == 0 else "utf-16-be", errors="replace")
    return head.decode("utf-8", errors="replace")
