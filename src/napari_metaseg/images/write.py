"""Write OME-TIFF with everything that an acquisition record holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.record import AcquisitionRecord
from napari_metaseg.errors import InputError
from napari_metaseg.files import atomic_path
from napari_metaseg.images.protocol import plain_stem

_ORDER = "TCZYX"
_STORED_AS = {"b": np.uint8, "f2": np.float32}
_NARROWED = {"i8": np.dtype(np.int32), "u8": np.dtype(np.uint32)}


def write_ome_tiff(
    path: Path,
    pixels: NDArray[Any],
    axes: str,
    record: AcquisitionRecord | None = None,
    *,
    name: str = "",
    channel_names: Sequence[str] = (),
) -> None:
    """Write pixels as a zlib-compressed OME-TIFF, whole or not at all.

    `axes` names the dimensions of `pixels`: any order of some of TCZYX, and S last for colours. The
    record's objective, pixel sizes, channels and planes become OME metadata; what OME has no term
    for (declared fields, plane offsets, sources other than the file) goes into map annotations, so
    that `open_image` gives the record back. An axis of length 1 is not told apart from no axis.
    Truth values are stored as 0 and 1, 64-bit whole numbers as 32 bits where they fit.
    Raises `InputError` for pixels or axes that OME-TIFF cannot hold.
    """
    import tifffile

    from napari_metaseg.images.ome.write import ome_xml

    stored, order = _arrange(_storable(np.asarray(pixels)), axes)
    record = record or AcquisitionRecord()
    sizes = dict(zip(order, stored.shape, strict=True))
    xml = ome_xml(
        record,
        sizes,
        str(stored.dtype.name),
        name=name or plain_stem(path),
        channel_names=channel_names,
    )
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            stored,
            photometric="rgb" if "S" in order else "minisblack",
            compression="zlib",
            description=xml.encode(),
            metadata=None,
            software="napari-metaseg",
            **resolution_tags(record),
        )


def _arrange(pixels: NDArray[Any], axes: str) -> tuple[NDArray[Any], str]:
    """The pixels in the order TCZYX(S) without plane axes of length 1, and that order."""
    problem = _axes_problem(pixels, axes)
    if problem:
        raise InputError(
            f"cannot write pixels of shape {pixels.shape} with axes {axes!r}",
            got=problem,
            way_out="Name each dimension once out of TCZYX, and S last for red, green, blue",
        )
    order = [a for a in _ORDER if a in axes] + ["S"] * axes.count("S")
    arranged = pixels.transpose([axes.index(a) for a in order])
    kept = [i for i, a in enumerate(order) if a in "YXS" or arranged.shape[i] != 1]
    shape = tuple(arranged.shape[i] for i in kept)
    return np.ascontiguousarray(arranged.reshape(shape)), "".join(order[i] for i in kept)


def _axes_problem(pixels: NDArray[Any], axes: str) -> str:
    if len(axes) != pixels.ndim:
        return f"{len(axes)} axes for {pixels.ndim} dimensions"
    if len(set(axes)) != len(axes) or set(axes) - set("TCZYXS") or not set("YX") <= set(axes):
        return "letters that repeat, are unknown, or lack Y or X"
    if "S" in axes and (axes[-1] != "S" or pixels.shape[-1] != 3 or "C" in axes):
        return "an S that is not the last dimension of length 3, or beside C"
    return "" if pixels.size else "no pixels"


def _storable(pixels: NDArray[Any]) -> NDArray[Any]:
    """The pixels in a type that OME knows."""
    kind = pixels.dtype.str[1:]
    if kind in _NARROWED:
        return _narrow(pixels, _NARROWED[kind])
    target = _STORED_AS.get(kind[0] if kind[0] == "b" else kind)
    if target is not None:
        return pixels.astype(target)
    if pixels.dtype.kind not in "uif" or pixels.dtype.itemsize > 8:
        raise InputError(
            "cannot write these pixels as OME-TIFF",
            got=str(pixels.dtype),
            way_out="Convert them to whole numbers of 8 to 32 bits, float32 or float64",
        )
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def _narrow(pixels: NDArray[Any], target: np.dtype[Any]) -> NDArray[Any]:
    limits = np.iinfo(target)
    if pixels.size and not (limits.min <= pixels.min() and pixels.max() <= limits.max):
        raise InputError(
            "cannot write 64-bit numbers that do not fit into 32 bits",
            got=f"{pixels.min()} to {pixels.max()}",
            way_out="Renumber the labels, or convert to float64",
        )
    return pixels.astype(target)


def resolution_tags(record: AcquisitionRecord) -> dict[str, Any]:
    """Resolution tags in pixels per centimetre, for programs that do not read OME-XML."""
    both = record.get("pixel_size_um").value
    sizes = [both or record.get(f"pixel_size_{axis}_um").value for axis in "xy"]
    if not all(isinstance(size, float | int) and 1e-4 < size < 1e4 for size in sizes):
        return {}
    x, y = (1e4 / float(size or 1) for size in sizes)
    return {"resolution": (x, y), "resolutionunit": "CENTIMETER"}
