"""What the metadata files of a zarr folder say, read as plain JSON and checked before any use.

Reading the files ourselves keeps a damaged or hostile store from reaching the library: a codec may
run code (`pickle`), a shape may ask for more memory than there is, a path may lead elsewhere.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np

from napari_metaseg.errors import InputError

_MOST_BYTES = 64 << 20
_LARGEST_CHUNK_BYTES = 1 << 32
_WAY_OUT = "It may be incomplete or damaged; copy or export it again"
_CODECS = {
    "bytes", "transpose", "sharding_indexed", "crc32c", "crc32", "adler32", "fletcher32",
    "jenkins_lookup3", "blosc", "zlib", "gzip", "bz2", "lzma", "zstd", "lz4", "shuffle", "delta",
    "bitround", "quantize", "fixedscaleoffset", "packbits", "astype", "zfpy", "pcodec",
}  # fmt: skip
"""Codecs that only move and squeeze bytes. Others, such as pickle, are never called."""

Json = Mapping[str, Any]


@dataclass(frozen=True)
class StoredArray:
    """The shape, type and chunk shape of an array."""

    folder: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...]
    zarr_format: Literal[2, 3]


def read_attributes(folder: Path) -> dict[str, Any]:
    """The attributes of a group (either zarr format); those of NGFF 0.5 beside the others.

    Raises `InputError` for a folder that is no zarr group, or damaged JSON.
    """
    if (folder / "zarr.json").is_file():
        attributes = _object(_read(folder / "zarr.json").get("attributes", {}), folder)
        ome = _object(attributes.get("ome", {}), folder)
        return {**attributes, **ome}
    if (folder / ".zattrs").is_file():
        return dict(_read(folder / ".zattrs"))
    if (folder / ".zgroup").is_file():
        return {}
    raise InputError(f"{folder} is no group of a zarr", way_out=_WAY_OUT)


def read_array(folder: Path) -> StoredArray:
    """The array's metadata. Raises `InputError` for what no image can be, or unsafe codecs."""
    if (folder / "zarr.json").is_file():
        found = _read_v3(folder, _read(folder / "zarr.json"))
    elif (folder / ".zarray").is_file():
        found = _read_v2(folder, _read(folder / ".zarray"))
    else:
        raise InputError(f"{folder} holds no array", way_out=_WAY_OUT)
    chunk_bytes = math.prod(found.chunks) * found.dtype.itemsize
    if len(found.chunks) != len(found.shape) or chunk_bytes > _LARGEST_CHUNK_BYTES:
        got = f"chunks {found.chunks} of shape {found.shape}"
        raise InputError(f"{folder} has impossible chunks", got=got, way_out=_WAY_OUT)
    return found


def inside(folder: Path, name: object) -> Path:
    """The folder that metadata name relative to `folder`; `InputError` where it leads out of it."""
    parts = PurePosixPath(name.replace("\\", "/")).parts if isinstance(name, str) else ()
    if not parts or ".." in parts or parts[0] == "/" or ":" in parts[0] or "\0" in str(name):
        raise InputError(f"{folder} names a folder outside itself", got=repr(name)[:200])
    return folder.joinpath(*parts)


def objects(value: object) -> list[Json]:
    """The JSON objects of a list; nothing for anything else."""
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _read_v2(folder: Path, meta: Json) -> StoredArray:
    codecs = [*objects(meta.get("filters")), *objects([meta.get("compressor")])]
    _check_codecs(folder, (str(codec.get("id")) for codec in codecs))
    dtype = _dtype(folder, meta.get("dtype"))
    shape, chunks = (_lengths(folder, meta, name) for name in ("shape", "chunks"))
    return StoredArray(folder, shape, dtype, chunks, 2)


def _read_v3(folder: Path, meta: Json) -> StoredArray:
    if meta.get("node_type") != "array":
        raise InputError(f"{folder} holds no array", got=repr(meta.get("node_type"))[:50])
    _check_codecs(folder, _codec_names(meta.get("codecs")))
    grid = _object(_object(meta.get("chunk_grid"), folder).get("configuration"), folder)
    dtype = _dtype(folder, meta.get("data_type"))
    shape, chunks = _lengths(folder, meta, "shape"), _lengths(folder, grid, "chunk_shape")
    return StoredArray(folder, shape, dtype, chunks, 3)


def _codec_names(codecs: object) -> Iterable[str]:
    """The names of the codecs and of those inside a shard."""
    for codec in objects(codecs):
        yield str(codec.get("name")).removeprefix("numcodecs.")
        configuration = codec.get("configuration")
        if isinstance(configuration, dict):
            yield from _codec_names(configuration.get("codecs"))
            yield from _codec_names(configuration.get("index_codecs"))


def _check_codecs(folder: Path, names: Iterable[str]) -> None:
    foreign = [n for n in names if n not in _CODECS and not n.startswith("imagecodecs_")]
    if foreign:
        way_out = "Write it again with blosc, zstd or gzip"
        raise InputError(
            f"{folder} is packed in a way that is not opened", got=foreign[0], way_out=way_out
        )


def _dtype(folder: Path, name: object) -> np.dtype[Any]:
    try:
        dtype = np.dtype(name) if isinstance(name, str) else None
    except (TypeError, ValueError):
        dtype = None
    if dtype is None or dtype.kind not in "buif":
        raise InputError(f"{folder} has pixels that are no real numbers", got=repr(name)[:100])
    return dtype.newbyteorder("=")


def _lengths(folder: Path, meta: Json, name: str) -> tuple[int, ...]:
    value = meta.get(name)
    listed = value if isinstance(value, list) and 0 < len(value) <= 16 else [None]
    if not all(isinstance(n, int) and 0 < n < 2**48 for n in listed):
        raise InputError(f"{folder} has no valid {name}", got=repr(value)[:100], way_out=_WAY_OUT)
    return tuple(listed)


def _read(path: Path) -> Json:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("a metadata file of more than 64 MB")
        text = path.read_bytes()
        return _object(json.loads(text, parse_constant=_finite, parse_float=_finite), path)
    except (OSError, ValueError, RecursionError) as error:
        got = getattr(error, "strerror", None) or str(error)[:200]
        raise InputError(f"{path} cannot be read", got=got, way_out=_WAY_OUT) from None


def _finite(text: str) -> float | None:
    """The number, or None: NaN and infinity, which JSON does not have, are no values of ours."""
    value = float(text)
    return value if math.isfinite(value) else None


def _object(value: object, path: Path) -> Json:
    if not isinstance(value, dict):
        raise InputError(f"{path} is damaged", got=repr(value)[:100], way_out=_WAY_OUT)
    return value
