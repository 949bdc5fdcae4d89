"""Every further format, through bioio or its predecessor aicsimageio, whichever is installed.

The two cannot stand in one environment, and the calls used here (`scenes`, `set_scene`, `dims`,
`get_image_dask_data`, `physical_pixel_sizes`, `channel_names`, `ome_metadata`) exist in both.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord, Conflict, Field
from napari_metaseg.errors import InputError
from napari_metaseg.images.protocol import ImageSource, PlanewiseImage, plain_stem

_LIBRARIES = (("bioio", "BioImage"), ("aicsimageio", "AICSImage"))
_ORDER = "TCZYX"


@cache
def installed_library() -> str:
    """The library that further formats are read through, or nothing."""
    return next((name for name, _ in _LIBRARIES if find_spec(name) is not None), "")


class AdaptedImage(PlanewiseImage):
    """One scene of a file that bioio or aicsimageio reads, plane by plane."""

    def __init__(self, path: Path, opened: Any, scene_index: int) -> None:
        opened.set_scene(opened.scenes[scene_index])
        self.path, self.scene_index, self._opened = path, scene_index, opened
        scene = str(opened.scenes[scene_index])
        self.name = scene if len(opened.scenes) > 1 else plain_stem(path)
        sizes = dict(zip(opened.dims.order, opened.dims.shape, strict=True))
        self._samples = sizes.get("S", 1)
        kept = [a for a in _ORDER if a in "YX" or sizes.get(a, 1) > 1]
        colour = self._samples >= 3
        self.axes = "".join(kept) + ("S" if colour else "")
        self.shape = tuple(sizes[a] for a in kept) + ((3,) if colour else ())
        self.dtype = np.dtype(opened.dtype).newbyteorder("=")
        self._xml = _ome_xml(opened)
        self.record = _record(opened, self._xml, scene_index)

    def original_metadata(self) -> Mapping[str, str]:
        """The library's translation into OME-XML, where it has one."""
        return {"OME-XML": self._xml} if self._xml else {}

    def _read(self, c: int, z: int, t: int) -> NDArray[Any]:
        self._opened.set_scene(self._opened.scenes[self.scene_index])
        order = "YXS" if self._samples > 1 else "YX"
        try:
            lazy = self._opened.get_image_dask_data(order, T=t, C=c, Z=z)
            pixels = np.asarray(lazy.compute(scheduler="synchronous"))
        except Exception as error:  # noqa: BLE001 - any of a hundred readers' own errors
            raise _unreadable(self.path, error) from None
        if self._samples > 1:
            pixels = pixels[..., :3] if self.axes.endswith("S") else pixels[..., 0]
        return np.ascontiguousarray(pixels, dtype=self.dtype)


def open_foreign(path: Path) -> tuple[ImageSource, ...]:
    """Every scene of a file of another format; reads no pixels.

    Raises `InputError` where the library has no reader for the file, or the reader fails.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # each reader warns of its own past
        try:
            opened = _open(path)
            return tuple(AdaptedImage(path, _open(path), i) for i in range(len(opened.scenes)))
        except Exception as error:  # noqa: BLE001 - any of a hundred readers' own errors
            raise _unreadable(path, error) from None


def _open(path: Path) -> Any:
    name = installed_library()
    reader = getattr(import_module(name), dict(_LIBRARIES)[name])
    try:
        # Both would otherwise read a whole stack at the first touch of a plane.
        return reader(path, chunk_dims=["Y", "X"])
    except TypeError:  # a reader without chunks: it holds one plane anyhow
        return reader(path)


def _unreadable(path: Path, error: Exception) -> InputError:
    from napari_metaseg.images.formats import refuse

    said = " ".join(str(error).split()) or type(error).__name__
    return refuse(path, f"{installed_library()} cannot read it ({said[:120]})")


def _ome_xml(opened: Any) -> str:
    """The library's own translation into OME-XML; most readers have none."""
    try:
        return str(opened.ome_metadata.to_xml())
    except Exception:  # noqa: BLE001 - missing as often as failing, and never needed
        return ""


def _record(opened: Any, xml: str, scene_index: int) -> AcquisitionRecord:
    from napari_metaseg.images.ome.xml import read_ome

    images, _ = read_ome(xml) if xml else ((), "")
    record = images[scene_index].record if scene_index < len(images) else AcquisitionRecord()
    sizes, notices = _pixel_sizes(opened)
    names = [str(name) for name in opened.channel_names or ()]
    # "Channel:0:0" is what the library writes where the file names none.
    channels = tuple(ChannelRecord("" if n.startswith("Channel:") else n) for n in names)
    return replace(
        record,
        fields={**sizes, **record.fields},
        channels=record.channels or channels,
        reported=(*record.reported, *notices),
    )


def _pixel_sizes(opened: Any) -> tuple[dict[str, Field], tuple[Conflict, ...]]:
    """Pixel sizes in µm; exactly 1 is what both libraries say where nothing is calibrated."""
    found, notices = {}, []
    for axis in "xyz":
        value = getattr(opened.physical_pixel_sizes, axis.upper(), None)
        name, path = f"pixel_size_{axis}_um", f"{installed_library()} physical_pixel_sizes"
        if value == 1:
            message = f"{path} says 1 µm along {axis}, as for an uncalibrated image; left out"
            notices.append(Conflict((name,), message))
        elif value is not None and np.isfinite(value) and value > 0:
            found[name] = Field(float(value), "file", path, original=float(value))
    return found, tuple(notices)
