"""What a file is, by its first bytes, and a plain refusal for what cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

from napari_metaseg.errors import InputError
from napari_metaseg.images.adapter import installed_library
from napari_metaseg.images.indexes import folder_index, text_index

_RESAVE = (
    "Open it in Fiji with Bio-Formats and save it there as OME-TIFF, or install "
    "'napari-metaseg[bioio]' with the bioio plugin that reads it (bioio-bioformats reads most)"
)
_RESAVE_SIMPLE = "Save the original as TIFF or PNG, or install 'napari-metaseg[bioio]'"
_HEAD_BYTES = 512

_READABLE = (
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"\xda\xce\xbe\x0a", "nd2"),
    (b"ZISRAWFILE", "czi"),
)
_REFUSED = (
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 file (or an old Nikon ND2 file)", _RESAVE),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (for instance Imaris or ilastik)", _RESAVE),
    (b"\xd0\xcf\x11\xe0", "an OLE file (for instance Olympus OIB or Zeiss ZVI)", _RESAVE),
    (b"PK\x03\x04", "a zip archive", "Unpack it and give the images inside"),
    (b"\x1f\x8b", "a gzip archive", "Unpack it and give the images inside"),
    (b"GIF8", "a GIF file", _RESAVE_SIMPLE),
    (b"BM", "a BMP file", _RESAVE_SIMPLE),
    (b"\x93NUMPY", "a NumPy file", "Write it with tifffile.imwrite(..., ome=True)"),
    (b"%PDF", "a PDF file", "Give the original image"),
)
_UNKNOWN_WAY_OUT = f"It is no format that is read here. {_RESAVE}"
_CONVERTIBLE = (_RESAVE, _RESAVE_SIMPLE, _UNKNOWN_WAY_OUT)
"""The ways out of formats that another library may read."""


def recognise(path: Path) -> str:
    """The format's short name, such as "tiff" or "png", by content alone.

    "foreign" is a format that an installed library may read. Raises `InputError` for a path that
    is missing, empty, unreadable, or of a format that nothing here reads.
    """
    if os.path.isdir(path):  # noqa: PTH112 - what may not be looked at is refused below, by name
        return _recognise_folder(path)
    head = _read_head(path)
    index = text_index(path, head)
    if index is not None:
        return index
    for magic, name in _READABLE:
        if head.startswith(magic):
            return name
    if head.startswith(b"\x70\x00\x00\x00") and head[8:9] == b"\x2a":
        return "lif"
    what, way_out = _name_foreign(head)
    if way_out in _CONVERTIBLE and installed_library():
        return "foreign"
    raise InputError(f"cannot open {path}", got=what, way_out=way_out)


def refuse(path: Path, reason: str) -> InputError:
    """The error for a file that is named by its first bytes and that `reason` keeps closed."""
    what, way_out = _name_foreign(_read_head(path))
    return InputError(f"cannot open {path}", got=f"{what}; {reason}", way_out=way_out)


def _read_head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise InputError(
            f"cannot open {path}", got="no such file", way_out="Check the path"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"cannot open {path}", got=reason, way_out="Check the path and its permissions"
        ) from None
    if not head:
        raise InputError(
            f"cannot open {path}", got="an empty file", way_out="Copy or export the image again"
        )
    return head


def _recognise_folder(path: Path) -> str:
    kind = folder_index(path)
    if kind is None:
        way_out = "Give the image files inside it, the index file of a plate, or an OME-Zarr folder"
        raise InputError(f"cannot open {path}", got="a folder", way_out=way_out)
    return kind


def _name_foreign(head: bytes) -> tuple[str, str]:
    """What the bytes are, with an article, and the way out."""
    for magic, what, way_out in _REFUSED:
        if head.startswith(magic):
            return what, way_out
    if b"ics_version" in head[:32]:
        return "an ICS file", _RESAVE
    if head[128:132] == b"DICM":
        return "a DICOM file", _RESAVE
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP file", _RESAVE_SIMPLE
    return _name_text(head)


def _name_text(head: bytes) -> tuple[str, str]:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"<?xml", b"<")):
        return "an XML or HTML file", "Give the image files that it describes"
    if not any(byte < 9 for byte in head):
        return "a text file", "Give an image file, or the index file of a plate"
    return f"an unknown format (first bytes {head[:8].hex(' ')})", _UNKNOWN_WAY_OUT
