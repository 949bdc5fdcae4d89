"""The pixels of a CZI file: subblocks decoded and put in their place on the plane."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.errors import InputError
from napari_metaseg.images.vendors.czi_file import Subblock, read_subblock

_PIXELS: dict[int, tuple[type[np.generic], int]] = {
    0: (np.uint8, 1),
    1: (np.uint16, 1),
    2: (np.float32, 1),
    3: (np.uint8, 3),
    4: (np.uint16, 3),
    8: (np.float32, 3),
    9: (np.uint8, 4),
    12: (np.int32, 1),
    13: (np.float64, 1),
}
"""Pixel type → number type and samples; the samples of colour are blue, green, red (alpha)."""

_UNCOMPRESSED, _JPEG, _LZW, _JPEGXR, _ZSTD0, _ZSTD1 = 0, 1, 2, 4, 5, 6


def pixel_format(blocks: Sequence[Subblock]) -> tuple[np.dtype[Any], int]:
    """The number type and the samples of a pixel, which must be the same in all blocks."""
    kinds = {block.pixel_type for block in blocks}
    if len(kinds) != 1 or not kinds <= _PIXELS.keys():
        raise ValueError(f"pixels of type {', '.join(str(k) for k in sorted(kinds))}")
    number, samples = _PIXELS[kinds.pop()]
    return np.dtype(number).newbyteorder("<"), samples


def read_plane(
    path: Path, blocks: Sequence[Subblock], corner: tuple[int, int], shape: tuple[int, int]
) -> NDArray[Any]:
    """The plane of `shape` (Y, X) whose upper left corner is at `corner`; (Y, X, 3) in colour.

    Later tiles of a mosaic lie over earlier ones; what no tile covers is 0.
    """
    number, samples = pixel_format(blocks)
    plane = np.zeros((*shape, samples), number)
    end = path.stat().st_size
    with path.open("rb") as file:
        for block in sorted(blocks, key=lambda b: b.place.get("M", 0)):
            if block.part:
                raise InputError(
                    f"{path} does not hold all its planes",
                    got="one file of a set",
                    way_out="Save it in ZEN as one CZI file",
                )
            tile = _decode(read_subblock(file, block, end), block, number, samples)
            top, left = block.place["Y"] - corner[0], block.place["X"] - corner[1]
            plane[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return plane[..., 0] if samples == 1 else plane[..., 2::-1]


def _decode(raw: bytes, block: Subblock, number: np.dtype[Any], samples: int) -> NDArray[Any]:
    shape = (block.size["Y"], block.size["X"], samples)
    size = int(np.prod(shape, dtype=np.int64)) * number.itemsize
    decoder = _DECODERS.get(block.compression)
    if decoder is None:
        raise InputError(
            "these pixels are compressed in a way that cannot be read here",
            got=f"CZI compression {block.compression}",
            way_out="Save the file in ZEN with JPEG XR or Zstandard, or without compression",
        )
    decoded = decoder(raw, size, shape)
    if isinstance(decoded, np.ndarray):
        return decoded.reshape(shape)
    if len(decoded) < size:
        raise ValueError(f"a subblock of {len(decoded)} bytes in place of {size}")
    return np.frombuffer(decoded, number, size // number.itemsize).reshape(shape)


def _plain(raw: bytes, size: int, shape: tuple[int, ...]) -> bytes:
    return raw


def _lzw(raw: bytes, size: int, shape: tuple[int, ...]) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.lzw_decode(raw, out=size))


def _zstd0(raw: bytes, size: int, shape: tuple[int, ...]) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.zstd_decode(raw, out=bytearray(size)))


def _zstd1(raw: bytes, size: int, shape: tuple[int, ...]) -> bytes:
    """Zstandard after a small header, which may say that high and low bytes stand apart."""
    head = raw[0]
    packed = head == 3 and raw[1] == 1 and bool(raw[2] & 1)
    plain = _zstd0(raw[head:], size, shape)
    if not packed:
        return plain
    low, high = np.frombuffer(plain, np.uint8).reshape(2, -1)
    return np.stack([low, high], -1).tobytes()


def _jpeg(raw: bytes, size: int, shape: tuple[int, ...]) -> NDArray[Any]:
    import imagecodecs

    pixels = np.asarray(imagecodecs.jpeg_decode(raw))
    return pixels[..., ::-1] if shape[-1] == 3 else pixels


def _jpegxr(raw: bytes, size: int, shape: tuple[int, ...]) -> NDArray[Any]:
    import imagecodecs

    _check_jpegxr(raw, shape)
    pixels = np.asarray(imagecodecs.jpegxr_decode(raw))
    return pixels[..., ::-1] if shape[-1] == 3 else pixels


def _check_jpegxr(raw: bytes, shape: tuple[int, ...]) -> None:
    """Raise unless the codestream's own size is that of its subblock.

    JPEG XR has a directory as TIFF has: 0xBC80 is the width, 0xBC81 the height (ITU-T T.832 A.4).
    """
    (start,) = struct.unpack_from("<4xI", raw)
    (count,) = struct.unpack_from("<H", raw, start)
    tags = {}
    for index in range(count):
        code, kind, _, value = struct.unpack_from("<HHII", raw, start + 2 + 12 * index)
        tags[code] = value & 0xFFFF if kind == 3 else value
    if (tags.get(0xBC81), tags.get(0xBC80)) != shape[:2]:
        raise ValueError("a subblock whose JPEG XR is of another size")


_DECODERS: dict[int, Callable[[bytes, int, tuple[int, ...]], bytes | NDArray[Any]]] = {
    _UNCOMPRESSED: _plain,
    _JPEG: _jpeg,
    _LZW: _lzw,
    _JPEGXR: _jpegxr,
    _ZSTD0: _zstd0,
    _ZSTD1: _zstd1,
}
