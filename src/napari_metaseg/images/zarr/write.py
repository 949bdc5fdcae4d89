"""Write OME-Zarr (NGFF 0.5, or 0.4 on request): images, and labels into an image or by themselves.

Everything is written into a hidden folder beside its place and renamed when it is whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.record import AcquisitionRecord
from napari_metaseg.acquisition.record_json import record_to_json
from napari_metaseg.errors import InputError
from napari_metaseg.files import atomic_folder
from napari_metaseg.images.protocol import plain_stem
from napari_metaseg.images.zarr.image import ZarrImage
from napari_metaseg.images.zarr.label_group import (
    Version,
    check_name,
    list_label,
    make_group,
)
from napari_metaseg.images.zarr.library import require_ome_zarr, require_zarr
from napari_metaseg.images.zarr.multiscale import read_multiscale
from napari_metaseg.images.zarr.pixels import Pixels, Writable, prepare
from napari_metaseg.images.zarr.read import open_zarr
from napari_metaseg.images.zarr.record import NAMESPACE
from napari_metaseg.images.zarr.stored import read_attributes

_LARGEST_CHUNK_PX = 1024
_SMALLEST_LEVEL_PX = 256
_OME_TYPES = {"bool": "uint8", "int64": "int32", "uint64": "uint32", "float16": "float32"}
"""The nearest of OME's pixel types for those that it does not have."""
_LABEL_KINDS = "bui"


def write_zarr_image(
    path: Path,
    image: Writable,
    axes: str = "",
    record: AcquisitionRecord | None = None,
    *,
    version: Version = "0.5",
    overwrite: bool = False,
) -> None:
    """Write an image with a pyramid and its record, whole or not at all.

    `image` is an array, be it dask's, whose dimensions `axes` names (any order of some of TCZYX,
    and S last for colours), or an opened image, which is copied plane by plane. The record is kept
    as our group attribute and in `OME/METADATA.ome.xml`; its pixel sizes are the scale. An axis of
    length 1 is not told apart from no axis. An OME-Zarr already at `path` is replaced only with
    `overwrite`. Raises `InputError` for axes or pixels that OME-Zarr cannot hold, and without
    ome-zarr.
    """
    pixels = prepare(image, axes, record)
    _check_place(path, overwrite)
    with atomic_folder(path) as temporary:
        _write_group(temporary, pixels, plain_stem(path), version)
        _write_xml(temporary, pixels, plain_stem(path))


def write_zarr_labels(
    image_zarr: Path,
    name: str,
    labels: NDArray[Any],
    axes: str = "",
    record: AcquisitionRecord | None = None,
) -> Path:
    """Write labels into an OME-Zarr image as `labels/<name>`; returns that folder.

    Labels of that name are replaced. The image's own metadata are not touched: the new labels have
    their place before the list in `labels` names them, so an interruption leaves both readable.
    Raises `InputError` where `image_zarr` is no OME-Zarr image of that size, or a name or pixels
    cannot be labels. Without a `record` they carry the image's own.
    """
    check_name(name)
    image = open_zarr(image_zarr)[0]
    if not isinstance(image, ZarrImage) or image.group != image_zarr:
        raise InputError(f"{image_zarr} is not one image", way_out="Give the folder of one image")
    pixels = prepare(labels, axes, record or _of_labels(image.record, labels, axes))
    _check_labels(pixels)
    _check_sizes(pixels, image)
    version = image.version
    group = image_zarr / "labels"
    make_group(group, version)
    with atomic_folder(group / name) as temporary:
        _write_group(temporary, pixels, name, version, label={"source": {"image": "../../"}})
    list_label(group, name, version)
    return group / name


def _of_labels(record: AcquisitionRecord, labels: NDArray[Any], axes: str) -> AcquisitionRecord:
    """The image's record for labels of it, which mostly have one channel."""
    count = labels.shape[axes.index("C")] if "C" in axes else 1
    planes = tuple(plane for plane in record.planes if plane.c < count)
    return replace(record, channels=record.channels[:count], planes=planes)


def _check_sizes(pixels: Pixels, image: ZarrImage) -> None:
    for axis, length in pixels.sizes.items():
        if axis != "C" and length != image.size(axis):
            got = f"{length} along {axis}, the image has {image.size(axis)}"
            raise InputError(f"the labels are not of the size of {image.path}", got=got)


def write_zarr_label_image(
    path: Path,
    labels: Writable,
    axes: str = "",
    record: AcquisitionRecord | None = None,
    *,
    version: Version = "0.5",
    overwrite: bool = False,
) -> None:
    """Write labels as an OME-Zarr of their own, for an image that is no OME-Zarr.

    Raises `InputError` as `write_zarr_image` does, and for pixels that are no whole numbers.
    """
    pixels = prepare(labels, axes, record)
    _check_labels(pixels)
    _check_place(path, overwrite)
    with atomic_folder(path) as temporary:
        _write_group(temporary, pixels, plain_stem(path), version, label={})
        _write_xml(temporary, pixels, plain_stem(path))


def _check_labels(pixels: Pixels) -> None:
    if pixels.dtype.kind not in _LABEL_KINDS or pixels.colour:
        got = "colours" if pixels.colour else str(pixels.dtype)
        way_out = "Save labels as whole numbers, 0 for background"
        raise InputError("these pixels cannot be labels", got=got, way_out=way_out)


def _check_place(path: Path, overwrite: bool) -> None:
    require_ome_zarr(path)
    if not path.exists():
        return
    is_zarr = path.is_dir() and any((path / n).is_file() for n in ("zarr.json", ".zgroup"))
    if not is_zarr or not overwrite:
        got = "an OME-Zarr is there" if is_zarr else "something else is there"
        raise InputError(f"cannot write {path}", got=got, way_out="Choose another name")


def _write_group(
    folder: Path,
    pixels: Pixels,
    name: str,
    version: Version,
    label: Mapping[str, Any] | None = None,
) -> None:
    """One image with its pyramid and attributes into an empty folder; `label` marks labels."""
    writer = require_ome_zarr(folder)
    zarr = require_zarr(folder)
    form = 3 if version == "0.5" else 2
    group = zarr.open_group(str(folder), mode="w", zarr_format=form)
    writer.write_image(
        pixels.array,
        group,
        name=name,
        axes=[a.lower() for a in pixels.axes],
        scale=pixels.scale(),
        axes_units=pixels.units(),
        storage_options={"chunks": _chunks(pixels)},
        scale_factors=_factors(pixels),
        method=_method(writer, label is not None),
        fmt=_format(version),
    )
    _add_attributes(group, pixels, version, label)
    _check_scale(folder, pixels)


def _method(writer: Any, nearest: bool) -> Any:
    return writer.Methods.NEAREST if nearest else writer.Methods.RESIZE


def _format(version: Version) -> Any:
    from ome_zarr import format as formats  # type: ignore[import-untyped]

    return formats.FormatV05() if version == "0.5" else formats.FormatV04()


def _factors(pixels: Pixels) -> tuple[int, ...]:
    """Halvings until the shorter side is small."""
    factors: list[int] = []
    side = min(pixels.sizes["Y"], pixels.sizes["X"]) // 2
    while side >= _SMALLEST_LEVEL_PX:
        factors.append(2 ** (len(factors) + 1))
        side //= 2
    return tuple(factors)


def _chunks(pixels: Pixels) -> tuple[int, ...]:
    return tuple(min(n, _LARGEST_CHUNK_PX) if a in "YX" else 1 for a, n in pixels.sizes.items())


def _add_attributes(
    group: Any, pixels: Pixels, version: Version, label: Mapping[str, Any] | None
) -> None:
    own: dict[str, Any] = {"record": record_to_json(pixels.record)}
    if pixels.colour:
        own["colour"] = True
    group.attrs[NAMESPACE] = own
    added: dict[str, Any] = {}
    if label is not None:
        added["image-label"] = {"version": version, **label}
    names = [pixels.record.channel(i).name for i in range(pixels.sizes.get("C", 1))]
    if label is None and any(names) and not pixels.colour:
        added["omero"] = {"channels": _omero(names, pixels.dtype)}
    if version == "0.4":
        group.attrs.update(added)
    elif added:
        group.attrs["ome"] = {**group.attrs["ome"], **added}


def _omero(names: Sequence[str], dtype: np.dtype[Any]) -> list[dict[str, Any]]:
    """NGFF's rendering of channels: names, in white over the whole range."""
    low, high = (0, 1) if dtype.kind in "bf" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    window = {"min": int(low), "max": int(high), "start": int(low), "end": int(high)}
    return [{"label": n, "color": "FFFFFF", "active": True, "window": window} for n in names]


def _check_scale(folder: Path, pixels: Pixels) -> None:
    """Releases of ome-zarr before 0.18 take other keywords and write a scale of 1 in silence."""
    written = read_multiscale(folder, read_attributes(folder))
    same = all(
        abs(written.scale.get(a.upper(), 0.0) / s - 1) < 1e-9 for a, s in pixels.scale().items()
    )
    if not same or written.stored_axes != pixels.axes:
        way_out = "Install it: pip install 'ome-zarr>=0.18'"
        raise InputError("the installed ome-zarr writes a wrong scale", way_out=way_out)


def _write_xml(folder: Path, pixels: Pixels, name: str) -> None:
    from napari_metaseg.images.ome.write import ome_xml

    sizes = {a: n for a, n in pixels.sizes.items() if not (pixels.colour and a == "C")}
    sizes |= {"S": 3} if pixels.colour else {}
    xml = ome_xml(
        pixels.record,
        sizes,
        _OME_TYPES.get(pixels.dtype.name, pixels.dtype.name),
        name=name,
    )
    (folder / "OME").mkdir()
    (folder / "OME" / "METADATA.ome.xml").write_text(xml, encoding="utf-8")
