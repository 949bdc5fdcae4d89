"""The structure of a Zeiss CZI file: segments, the directory of subblocks, and the XML.

Read here and not through a native library, which ends the whole process on a damaged file. Layout:
Zeiss, "ZISRAW (CZI) File Format", design specification 1.2.2.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_SEGMENT = struct.Struct("<16sqq")
_FILE_HEADER = struct.Struct("<iiii16s16siqqiq")
_ENTRY = struct.Struct("<2siqiiB5xi")
_DIMENSION = struct.Struct("<4siifi")
_SUBBLOCK = struct.Struct("<iiq")
_DIRECTORY_HEAD = 128
_METADATA_HEAD = 256
_SUBBLOCK_HEAD = 256
_MOST_DIMENSIONS = 40


@dataclass(frozen=True)
class Subblock:
    """One stored tile: where it lies in the file, how it is coded, and its place in the image.

    `place` maps a dimension such as "C" or "X" to its start, `size` to its length in the image,
    `stored` to the length of the stored pixels: shorter ones are of a pyramid.
    """

    position: int
    part: int
    pixel_type: int
    compression: int
    place: Mapping[str, int]
    size: Mapping[str, int]
    stored: Mapping[str, int]

    @property
    def full_size(self) -> bool:
        """Whether the pixels are stored at full resolution."""
        return all(self.stored[a] in (0, self.size[a]) for a in "XY")


@dataclass(frozen=True)
class CziFile:
    """The subblocks of a file and the text of its XML (empty where there is none)."""

    subblocks: tuple[Subblock, ...]
    xml: str


def read_structure(path: Path) -> CziFile:
    """The directory and the XML of a CZI file; reads no pixels.

    Raises `ValueError` for a file whose segments do not lie within it.
    """
    with path.open("rb") as file:
        end = path.stat().st_size
        data, _ = _segment(file, 0, end, b"ZISRAWFILE")
        file.seek(data)
        header = _unpack(_FILE_HEADER, file)
        directory, metadata = header[7], header[8]
        blocks = _read_directory(file, directory, end)
        return CziFile(blocks, _read_xml(file, metadata, end) if metadata else "")


def read_subblock(file: BinaryIO, block: Subblock, end: int) -> bytes:
    """The stored bytes of a subblock, as they are coded."""
    data, used = _segment(file, block.position, end, b"ZISRAWSUBBLOCK")
    file.seek(data)
    metadata_size, attachment_size, size = _unpack(_SUBBLOCK, file)
    entry = _ENTRY.size + _DIMENSION.size * len(block.place)
    own, _ = _read_entry(file.read(entry), 0)
    if (own.place, own.size, own.stored) != (block.place, block.size, block.stored):
        raise ValueError("a subblock that is another one than the directory says")
    start = data + max(_SUBBLOCK_HEAD, _SUBBLOCK.size + entry) + max(metadata_size, 0)
    if min(metadata_size, attachment_size, size) < 0 or start + size > min(end, data + used):
        raise ValueError("a subblock that does not lie within its segment")
    file.seek(start)
    return file.read(size)


def _segment(file: BinaryIO, position: int, end: int, name: bytes) -> tuple[int, int]:
    """Where the data of the segment at `position` begin, and how many bytes they are."""
    if not 0 <= position <= end - _SEGMENT.size:
        raise ValueError(f"no {name.decode()} segment within the file, as in a truncated one")
    file.seek(position)
    found, allocated, used = _SEGMENT.unpack(file.read(_SEGMENT.size))
    size = used or allocated
    data = position + _SEGMENT.size
    if found.rstrip(b"\0") != name or size < 0 or data + size > end:
        raise ValueError(f"no whole {name.decode()} segment where the file says that it is")
    return data, size


def _unpack(layout: struct.Struct, file: BinaryIO) -> tuple[int, ...]:
    return layout.unpack(file.read(layout.size))


def _read_directory(file: BinaryIO, position: int, end: int) -> tuple[Subblock, ...]:
    data, size = _segment(file, position, end, b"ZISRAWDIRECTORY")
    file.seek(data)
    raw = file.read(size)
    (count,) = struct.unpack_from("<i", raw)
    if not 0 < count <= len(raw) // _ENTRY.size:
        raise ValueError(f"a directory of {count} subblocks")
    blocks, at = [], _DIRECTORY_HEAD
    for _ in range(count):
        block, at = _read_entry(raw, at)
        if not 0 < block.position <= end - _SEGMENT.size and not block.part:
            raise ValueError("subblocks beyond the end of the file, as in a truncated one")
        blocks.append(block)
    return tuple(blocks)


def _read_entry(raw: bytes, at: int) -> tuple[Subblock, int]:
    schema, pixel_type, position, part, compression, _, count = _ENTRY.unpack_from(raw, at)
    if schema != b"DV" or not 0 < count <= _MOST_DIMENSIONS:
        raise ValueError("an entry of its directory that is damaged")
    at += _ENTRY.size
    place, size, stored = {}, {}, {}
    for _ in range(count):
        name, start, length, _, kept = _DIMENSION.unpack_from(raw, at)
        letter = name.rstrip(b"\0").decode("ascii")
        place[letter], size[letter], stored[letter] = start, length, kept
        at += _DIMENSION.size
    if min(size.get("X", 0), size.get("Y", 0)) < 1 or min(stored["X"], stored["Y"]) < 0:
        raise ValueError("a subblock without width or height")
    return Subblock(position, part, pixel_type, compression, place, size, stored), at


def _read_xml(file: BinaryIO, position: int, end: int) -> str:
    data, size = _segment(file, position, end, b"ZISRAWMETADATA")
    file.seek(data)
    (length,) = struct.unpack("<i", file.read(4))
    if not 0 <= length <= size - _METADATA_HEAD:
        raise ValueError("metadata longer than their segment")
    file.seek(data + _METADATA_HEAD)
    return file.read(length).decode("utf-8", "replace").rstrip("\0")
