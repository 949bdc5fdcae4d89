"""The acquisition record of a Nikon ND2 file, with doubt where NIS-Elements is known to mislead.

What it misleads in: DIC and monochrome transmitted light call themselves fluorescence, all planes
of a piezo stack claim one stage position, and 0 stands where nothing was recorded.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    ChannelRecord,
    Conflict,
    Field,
    PlaneRecord,
)
from napari_metaseg.images.ome.instrument import name_conflicts
from napari_metaseg.images.vendors.nd2_channel import read_channel
from napari_metaseg.images.vendors.nd2_text import PlaneText, instrument_text, plane_texts

if TYPE_CHECKING:
    from nd2 import ND2File

_NOTABLE_Z_UM = 0.01
_MOST_READ = 500


def read_record(
    file: ND2File, frames: NDArray[np.int64], sizes: Mapping[str, int]
) -> AcquisitionRecord:
    """The record of the scene whose frames are numbered (t, z)."""
    reported: list[Conflict] = []
    count = sizes.get("C", 1)
    texts = plane_texts(file.text_info, count)
    described = list(file.metadata.channels or ())[:count]
    channels = tuple(
        read_channel(info, index, texts.get(index, PlaneText()), reported)
        for index, info in enumerate(described)
    )
    fields = _image_fields(described[0], file) if described else {}
    if described:
        reported += name_conflicts(str(described[0].microscope.objectiveName or ""), fields)
    channels, planes = _planes(file, frames, channels, reported)
    return AcquisitionRecord(fields, channels, planes, reported=tuple(reported))


def _image_fields(channel: Any, file: ND2File) -> dict[str, Field]:
    scope, where = channel.microscope, "channels[0].microscope"
    found = {
        "objective_nominal_magnification": _number(scope, "objectiveMagnification", where),
        "lens_na": _number(scope, "objectiveNumericalAperture", where),
        "refractive_index": _number(scope, "immersionRefractiveIndex", where),
        "total_magnification": _total(scope, where),
    }
    found |= _pixel_sizes(channel.volume)
    found |= instrument_text(file.text_info)
    return {name: field for name, field in found.items() if field.known}


def _number(holder: Any, name: str, where: str) -> Field:
    value = getattr(holder, name, None)
    if not isinstance(value, float | int) or not math.isfinite(value) or value <= 0:
        return Field()
    return Field(float(value), "file", f"{where}.{name}", original=value)


def _total(scope: Any, where: str) -> Field:
    """The objective times the zoom lens behind it, where there is one."""
    lens, zoom = (
        _number(scope, name, where) for name in ("objectiveMagnification", "zoomMagnification")
    )
    if lens.value is None or zoom.value in (None, 1.0):
        return Field()
    total = float(f"{float(lens.value) * float(zoom.value or 1):.6g}")
    path = f"{where}.objectiveMagnification x zoomMagnification"
    return Field(total, "inferred", path, original=f"{lens.value:g} x {zoom.value:g}")


def _pixel_sizes(volume: Any) -> dict[str, Field]:
    """Only of the axes that the file calls calibrated: the others claim 1 µm."""
    found = {}
    named = zip("xyz", volume.axesCalibrated, volume.axesCalibration, strict=False)
    for index, (axis, calibrated, size) in enumerate(named):
        if calibrated and math.isfinite(size) and size > 0:
            path = f"channels[0].volume.axesCalibration[{index}]"
            found[f"pixel_size_{axis}_um"] = Field(float(size), "file", path, original=size)
    return found


def _planes(
    file: ND2File,
    frames: NDArray[np.int64],
    channels: tuple[ChannelRecord, ...],
    reported: list[Conflict],
) -> tuple[tuple[ChannelRecord, ...], tuple[PlaneRecord, ...]]:
    """Positions, and the exposure of each plane where it varies."""
    positions = _positions(file, frames, reported)
    exposures = _exposures(file, frames) if len(channels) == 1 else {}
    shared = set(exposures.values())
    if len(shared) == 1:
        channels = _with_event_exposure(channels[0], shared.pop(), reported)
        exposures = {}
    elif exposures:
        fields = {n: f for n, f in channels[0].fields.items() if n != "exposure_time_ms"}
        channels = (ChannelRecord(channels[0].name, fields),)
    where = sorted(positions.keys() | exposures.keys())
    planes = (
        PlaneRecord(c, z, t, positions.get((t, z)), exposures.get((t, z)))
        for c in range(max(len(channels), 1))
        for t, z in where
    )
    return channels, tuple(planes)


def _with_event_exposure(
    channel: ChannelRecord, exposure: float, reported: list[Conflict]
) -> tuple[ChannelRecord, ...]:
    """The channel with the exposure that all frames recorded; the text's may differ."""
    before = channel.get("exposure_time_ms").value
    if isinstance(before, float) and not math.isclose(before, exposure, rel_tol=1e-3):
        message = f"the frames were exposed {exposure:g} ms, the text says {before:g} ms"
        reported.append(Conflict(("exposure_time_ms",), message))
    field = Field(exposure, "file", "events: Exposure Time [ms]", original=exposure)
    return (ChannelRecord(channel.name, {**channel.fields, "exposure_time_ms": field}),)


def _exposures(file: ND2File, frames: NDArray[np.int64]) -> dict[tuple[int, int], float]:
    """Milliseconds by (t, z); empty where a frame's is 0, which is what an unrecorded one says."""
    events = file.events()
    times = [_finite(event.get("Exposure Time [ms]")) for event in events]
    found = {
        (int(t), int(z)): times[number]
        for (t, z), number in np.ndenumerate(frames)
        if number < len(times)
    }
    known = {where: time for where, time in found.items() if time is not None and time > 0}
    return known if len(known) == frames.size else {}


def _finite(value: Any) -> float | None:
    number = float(value) if isinstance(value, float | int | np.number) else math.nan
    return number if math.isfinite(number) else None


def _positions(
    file: ND2File, frames: NDArray[np.int64], reported: list[Conflict]
) -> dict[tuple[int, int], float]:
    """Heights in µm by (t, z): of a stack from its loop, 0 at its home plane, else the stage's.

    A long time series has none: each is in a part of the file of its own.
    """
    loop = next((loop for loop in file.experiment if loop.type == "ZStackLoop"), None)
    if frames.shape[1] > 1:
        if loop is None or not loop.parameters.stepUm:
            return {}
        step = loop.parameters.stepUm * (1 if loop.parameters.bottomToTop else -1)
        home = loop.parameters.homeIndex
        _report_flat_stage(file, frames, step, home, reported)
        heights = [round((z - home) * step, 6) for z in range(frames.shape[1])]
        return {(t, z): h for t in range(frames.shape[0]) for z, h in enumerate(heights)}
    times = range(frames.shape[0])
    if len(times) > _MOST_READ:
        return {}
    stage = {(t, 0): _stage_z(file, int(frames[t, 0])) for t in times}
    known = {where: z for where, z in stage.items() if z is not None}
    return known if any(abs(z) > _NOTABLE_Z_UM for z in known.values()) else {}


def _report_flat_stage(
    file: ND2File,
    frames: NDArray[np.int64],
    step: float,
    home: int,
    reported: list[Conflict],
) -> None:
    ends = [_stage_z(file, int(frames[0, z])) for z in (0, -1)]
    if ends[0] is not None and ends[0] == ends[1]:
        message = (
            f"every plane of the stack claims stage z {ends[0]:g} µm, taken as not recorded; "
            f"positions are from the loop: {step:g} µm a step, 0 at the home plane z = {home}"
        )
        reported.append(Conflict(("position_z_um",), message))


def _stage_z(file: ND2File, number: int) -> float | None:
    channels = getattr(file.frame_metadata(number), "channels", None)
    return _finite(channels[0].position.stagePositionUm.z) if channels else None


def original_texts(file: ND2File) -> dict[str, str]:
    """NIS-Elements' own texts, and the whole metadata as JSON."""
    texts = {f"text_info/{name}": str(text) for name, text in file.text_info.items()}
    texts["metadata"] = json.dumps(file.unstructured_metadata(), default=str, ensure_ascii=False)
    return texts
