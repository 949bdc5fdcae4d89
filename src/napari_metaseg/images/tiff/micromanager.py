"""Micro-Manager: the JSON of each plane, in TIFF tag 51123 or in ImageJ's Info property."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    ChannelRecord,
    Conflict,
    Field,
    PlaneRecord,
)
from napari_metaseg.acquisition.vocabulary import contrast_from_name

TAG = 51123
_PIXEL_SIZES = ("PixelSizeUm", "PixelSize_um")
_COARSEST_PIXEL_UM = 1000.0
_KEYS = {"Exposure-ms", "ElapsedTime-ms"}
_UNNAMED = {"", "default", "null"}

Czt = tuple[int, int, int]


def plane_json(text: object) -> Mapping[str, Any] | None:
    """The plane's metadata, or None where the text (or tag value) is not Micro-Manager's.

    Raises `ValueError` for a text of Micro-Manager's that is damaged.
    """
    plain = text
    if isinstance(text, str):
        if not any(f'"{key}"' in text for key in _KEYS):
            return None
        try:
            plain = json.loads(text)
        except RecursionError:
            raise ValueError("nested too deeply") from None
    if not isinstance(plain, dict) or not _KEYS & plain.keys():
        return None
    return plain


def read_micromanager(
    pages: Sequence[Mapping[str, Any]], places: Sequence[Czt], where: str
) -> AcquisitionRecord:
    """The record of pages with this JSON, which are the planes at (c, z, t) `places`."""
    reported: list[Conflict] = []
    channels: dict[int, ChannelRecord] = {}
    planes, times = [], {}
    for page, (c, z, t) in zip(pages, places, strict=False):
        channels.setdefault(c, _channel(page, where, reported))
        times[c, z, t] = _positive(page.get("Exposure-ms"))
        planes.append(PlaneRecord(c, z, t, _finite(page.get("ZPositionUm"))))
    varying = {c for c in channels if len({v for k, v in times.items() if k[0] == c}) > 1}
    count = max(channels, default=-1) + 1
    return AcquisitionRecord(
        fields=_image_fields(pages[0], where, reported),
        channels=tuple(_shared(channels.get(c), c in varying) for c in range(count)),
        planes=tuple(_told(planes, times, varying)),
        reported=tuple(reported),
    )


def _shared(channel: ChannelRecord | None, varying: bool) -> ChannelRecord:
    """The channel, without an exposure where that is the planes' own."""
    if channel is None or not varying:
        return channel or ChannelRecord("")
    kept = {n: f for n, f in channel.fields.items() if n != "exposure_time_ms"}
    return ChannelRecord(channel.name, kept)


def _told(
    planes: Sequence[PlaneRecord], times: Mapping[Czt, float | None], varying: set[int]
) -> list[PlaneRecord]:
    """The planes that say something; positions that are 0 throughout were not recorded."""
    recorded = any(p.position_z_um for p in planes)
    found = (
        PlaneRecord(
            p.c,
            p.z,
            p.t,
            p.position_z_um if recorded else None,
            times[p.c, p.z, p.t] if p.c in varying else None,
        )
        for p in planes
    )
    return [p for p in found if p.position_z_um is not None or p.exposure_time_ms is not None]


def _image_fields(
    page: Mapping[str, Any], where: str, reported: list[Conflict]
) -> dict[str, Field]:
    found: dict[str, Field] = {}
    for key in _PIXEL_SIZES:
        size = _positive(page.get(key))  # 0 is what stands where nobody calibrated
        if size is not None and size > _COARSEST_PIXEL_UM:
            message = f"{key} is {size:g}, which no microscope has; left out"
            reported.append(Conflict(("pixel_size_x_um",), message))
        elif size is not None:
            field = Field(size, "file", f"{where}: {key}", original=page[key])
            found |= {"pixel_size_x_um": field, "pixel_size_y_um": field}
            break
    for name, key in (("detector", "Camera"), ("acquired_at", "ReceivedTime")):
        text = page.get(key) or page.get(key[0].lower() + key[1:])
        if isinstance(text, str) and text.strip():
            found[name] = Field(text.strip(), "file", f"{where}: {key}", original=text)
    return found


def _channel(page: Mapping[str, Any], where: str, reported: list[Conflict]) -> ChannelRecord:
    name = str(page.get("Channel", "") or "").strip()
    name = "" if name.lower() in _UNNAMED else name
    exposure, binning = _positive(page.get("Exposure-ms")), _binning(page.get("Binning"))
    contrast = contrast_from_name(name)
    found = {}
    if contrast:
        found["contrast_method"] = Field(contrast, "inferred", f"{where}: Channel", original=name)
    if exposure is not None:
        path = f"{where}: Exposure-ms"
        found["exposure_time_ms"] = Field(exposure, "file", path, original=page["Exposure-ms"])
        _compare_camera(page, exposure, reported)
    if binning is not None:
        found["binning"] = Field(binning, "file", f"{where}: Binning", original=page["Binning"])
    return ChannelRecord(name, found)


def _compare_camera(page: Mapping[str, Any], exposure: float, reported: list[Conflict]) -> None:
    """The camera's own property may state another exposure: shown, once."""
    core = _property(page.get("Core-Camera"))
    key = f"{core}-Exposure" if core else "Camera-Exposure"
    camera = _positive(_property(page.get(key)))
    if camera is not None and not math.isclose(camera, exposure, rel_tol=0.01):
        message = f"Exposure-ms is {exposure:g}, the camera's property {key} says {camera:g} ms"
        conflict = Conflict(("exposure_time_ms",), message)
        if conflict not in reported:
            reported.append(conflict)


def _property(value: Any) -> Any:
    """A device property as it stands: version 2 wraps it with its type."""
    return value.get("PropVal") if isinstance(value, dict) else value


def _finite(value: Any) -> float | None:
    try:
        number = float(_property(value))
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _positive(value: Any) -> float | None:
    number = _finite(value)
    return number if number is not None and number > 0 else None


def _binning(value: Any) -> float | None:
    """The number in 2, "2" or "2x2"."""
    return _positive(str(_property(value)).lower().partition("x")[0])
