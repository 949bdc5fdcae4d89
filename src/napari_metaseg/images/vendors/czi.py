"""Zeiss CZI: one image for each scene, tiles of a mosaic put together plane by plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_metaseg.images.protocol import plain_stem
from napari_metaseg.images.vendors.czi_file import Subblock, read_structure
from napari_metaseg.images.vendors.czi_pixels import pixel_format, read_plane
from napari_metaseg.images.vendors.czi_record import CziMetadata, read_metadata
from napari_metaseg.images.vendors.source import (
    Parts,
    PlaneReader,
    VendorImage,
    check_extent,
    images_of,
    named_errors,
)

_KIND = "Zeiss CZI"
_PLANE_AXES = "TCZ"
_KNOWN_AXES = set("TCZYXSMB")
_Where = tuple[int, int, int]


def open_czi(path: Path) -> tuple[VendorImage, ...]:
    """The scenes of a CZI file in their order; reads no pixels.

    Raises `InputError` for a damaged file, or one with further dimensions (angles, phases).
    """
    with named_errors(path, _KIND):
        stored = read_structure(path)
        metadata = read_metadata(stored.xml)
        scenes: dict[int, list[Subblock]] = {}
        for block in stored.subblocks:
            if block.full_size:
                scenes.setdefault(max(block.place.get("S", 0), 0), []).append(block)
        parts = [
            _scene(path, scenes[number], number, len(scenes), metadata) for number in sorted(scenes)
        ]
        return images_of(path, parts, _KIND)


def _scene(
    path: Path, blocks: Sequence[Subblock], number: int, count: int, metadata: CziMetadata
) -> Parts:
    _check_axes(blocks)
    dtype, samples = pixel_format(blocks)
    corner, shape = _rectangle(blocks)
    check_extent(path, _KIND, (*shape, samples), dtype.itemsize)
    numbers = {a: _numbers(a, blocks) for a in _PLANE_AXES}
    sizes = {a: len(numbers[a]) for a in _PLANE_AXES}
    planes: dict[_Where, list[Subblock]] = {}
    for block in blocks:
        c, z, t = (numbers[a][block.place.get(a, 0)] for a in "CZT")
        planes.setdefault((c, z, t), []).append(block)
    axes = "".join(a for a in _PLANE_AXES if sizes[a] > 1)
    scene = metadata.scene_name(number)
    return Parts(
        name=f"{plain_stem(path)} {scene or number}" if count > 1 else plain_stem(path),
        axes=axes + "YX" + ("S" if samples > 1 else ""),
        shape=(*(sizes[a] for a in axes), *shape, *((3,) if samples > 1 else ())),
        dtype=dtype,
        record=metadata.record(sizes | dict(zip("YX", shape, strict=True)), alone=count == 1),
        read=_reader(path, planes, corner, shape),
        original=metadata.original,
    )


def _numbers(axis: str, blocks: Sequence[Subblock]) -> dict[int, int]:
    """Start along the axis → number of the plane, counted from 0."""
    starts = sorted({block.place.get(axis, 0) for block in blocks})
    return {start: number for number, start in enumerate(starts)}


def _check_axes(blocks: Sequence[Subblock]) -> None:
    for axis in sorted({a for block in blocks for a in block.place} - _KNOWN_AXES):
        if len({block.place.get(axis, 0) for block in blocks}) > 1:
            raise ValueError(f"several images along {axis}, which is none of time, channel and z")


def _rectangle(blocks: Sequence[Subblock]) -> tuple[tuple[int, int], tuple[int, int]]:
    """The corner and the size (y, x) of what the tiles cover together."""
    low = [min(block.place[a] for block in blocks) for a in "YX"]
    high = [max(block.place[a] + block.size[a] for block in blocks) for a in "YX"]
    return (low[0], low[1]), (high[0] - low[0], high[1] - low[1])


def _reader(
    path: Path,
    planes: Mapping[_Where, Sequence[Subblock]],
    corner: tuple[int, int],
    shape: tuple[int, int],
) -> PlaneReader:
    def read(c: int, z: int, t: int) -> NDArray[Any]:
        blocks = planes.get((c, z, t))
        if not blocks:
            raise ValueError(f"the plane c={c} z={z} t={t} is not in the file")
        return read_plane(path, blocks, corner, shape)

    return read
