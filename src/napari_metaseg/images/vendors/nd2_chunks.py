"""Where the frames of an ND2 file lie, so that a missing one is an error and not a black plane.

An ND2 file is a list of chunks (magic, lengths of name and data, name, data) and ends in a map of
name to place, itself named at the file's end. Read here since the `nd2` library gives zeros for a
frame that is not there.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from pathlib import Path

from napari_metaseg.images.vendors.source import damaged

_KIND = "Nikon ND2"
_HEADER = struct.Struct("<IIQ")
_MAGIC = 0x0ABECEDA
_END = struct.Struct("<32sQ")
_MAP_SIGNATURE = b"ND2 CHUNK MAP SIGNATURE 0000001!"
_FRAME = re.compile(rb"ImageDataSeq\|(\d{1,9})!(.{16})", re.DOTALL)
_TIMESTAMP_BYTES = 8


def frame_chunks(path: Path) -> dict[int, int]:
    """The place of each frame's chunk by the frame's number.

    Raises `InputError` for a file without a chunk map: one that was cut short.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - _END.size, 0))
        tail = file.read(_END.size)
        signature, place = _END.unpack(tail.rjust(_END.size, b"\0"))
        if signature != _MAP_SIGNATURE or place >= size:
            raise damaged(path, _KIND, "no map of its chunks at the end, as in a truncated file")
        file.seek(place)
        chunk_map = file.read()
    found = {}
    for match in _FRAME.finditer(chunk_map):
        offset, _ = struct.unpack("<QQ", match[2])
        found[int(match[1])] = offset
    return found


def check_frames(
    path: Path, frames: Mapping[int, int], last: int, *, only: int | None = None, size: int = 0
) -> None:
    """Raise unless frames 0 to `last` (or frame `only`) are in the file, with `size` bytes each."""
    end = path.stat().st_size
    wanted = range(last + 1) if only is None else (only,)
    missing = [n for n in wanted if not 0 < frames.get(n, 0) < end - _HEADER.size]
    if missing:
        message = f"{len(frames)} frames; frame {missing[0]} is not there"
        raise damaged(path, _KIND, message)
    if only is None:
        return
    with path.open("rb") as file:
        file.seek(frames[only])
        magic, name_length, length = _HEADER.unpack(file.read(_HEADER.size))
    whole = frames[only] + _HEADER.size + name_length + length
    if magic != _MAGIC or whole > end or (size and length < size + _TIMESTAMP_BYTES):
        raise damaged(path, _KIND, f"frame {only} is not whole")
