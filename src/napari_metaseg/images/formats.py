"""What a file is, by its first bytes, and a plain refusal for what cannot be read."""

from __future__ import annotations

from pathlib import Path

from napari_metaseg.errors import InputError

_RESAVE = "Open it in Fiji with Bio-Formats and save it there as OME-TIFF"
_RESAVE_SIMPLE = "Save the original as TIFF or PNG"
_HEAD_BYTES = 512

_READABLE = (
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"\x89PNG\r\n\x1a\n", "png"),
)
_REFUSED = (
    (b"\xda\xce\xbe\x0a", "a Nikon ND2 file", _RESAVE),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 file (or an old Nikon ND2 file)", _RESAVE),
    (b"ZISRAWFILE", "a Zeiss CZI file", _RESAVE),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (for instance Imaris or ilastik)", _RESAVE),
    (b"\xd0\xcf\x11\xe0", "an OLE file (for instance Olympus OIB or Zeiss ZVI)", _RESAVE),
    (b"PK\x03\x04", "a zip archive", "Unpack it and give the images inside"),
    (b"\x1f\x8b", "a gzip archive", "Unpack it and give the images inside"),
    (b"\xff\xd8\xff", "a JPEG file, whose compression changes intensities", _RESAVE_SIMPLE),
    (b"GIF8", "a GIF file", _RESAVE_SIMPLE),
    (b"BM", "a BMP file", _RESAVE_SIMPLE),
    (b"\x93NUMPY", "a NumPy file", "Write it with tifffile.imwrite(..., ome=True)"),
    (b"%PDF", "a PDF file", "Give the original image"),
)
_UNKNOWN_WAY_OUT = f"Readable are OME-TIFF, ImageJ TIFF, TIFF and PNG. {_RESAVE}"


def recognise(path: Path) -> str:
    """The format's short name, "tiff" or "png", by content alone.

    Raises `InputError` for a path that is missing, a folder, empty, unreadable, or another format.
    """
    head = _read_head(path)
    for magic, name in _READABLE:
        if head.startswith(magic):
            return name
    what, way_out = _name_foreign(head)
    raise InputError(f"cannot open {path}", got=what, way_out=way_out)


def _read_head(path: Path) -> bytes:
    if path.is_dir():
        what = "an OME-Zarr folder" if _is_zarr(path) else "a folder"
        way_out = _RESAVE if _is_zarr(path) else "Give the image files inside it"
        raise InputError(f"cannot open {path}", got=what, way_out=way_out)
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


def _is_zarr(path: Path) -> bool:
    return any((path / name).exists() for name in (".zattrs", ".zgroup", "zarr.json"))


def _name_foreign(head: bytes) -> tuple[str, str]:
    """What the bytes are, with an article, and the way out."""
    for magic, what, way_out in _REFUSED:
        if head.startswith(magic):
            return what, way_out
    if head.startswith(b"\x70\x00\x00\x00") and head[8:9] == b"\x2a":
        return "a Leica LIF file", _RESAVE
    if b"ics_version" in head[:32]:
        return "an ICS file", _RESAVE
    if head[128:132] == b"DICM":
        return "a DICOM file", _RESAVE
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP file", _RESAVE_SIMPLE
    return _name_text(head)


def _name_text(head: bytes) -> tuple[str, str]:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if b"<OME" in text or b":OME" in text:
        return "OME-XML without pixels", "Give the TIFF files that it describes"
    if text.startswith((b"<?xml", b"<")):
        return "an XML or HTML file", "Give the image files that it describes"
    if not any(byte < 9 for byte in head):
        return "a text file", _UNKNOWN_WAY_OUT
    return f"an unknown format (first bytes {head[:8].hex(' ')})", _UNKNOWN_WAY_OUT
