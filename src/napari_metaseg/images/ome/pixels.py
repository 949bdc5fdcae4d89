"""Pixel sizes, channels and planes from the `Pixels` element of OME-XML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from napari_metaseg.acquisition.record import ChannelRecord, Conflict, Field, PlaneRecord
from napari_metaseg.images.ome.node import Node, to_number
from napari_metaseg.images.units import ms_per_unit, scaled, um_per_unit

_NO_UNIT = "(no unit)"
_LONG_WITHOUT_UNIT_S = 5.0


def read_pixel_size(pixels: Node, where: str, reported: list[Conflict]) -> dict[str, Field]:
    """`pixel_size_{x,y,z}_um`; the default unit is µm.

    Exactly 1 without a unit is what converters write for an image that nobody calibrated: it is
    left out, with a notice.
    """
    fields = {}
    for axis in "xyz":
        name = f"PhysicalSize{axis.upper()}"
        value, unit = pixels.positive(name), pixels.get(f"{name}Unit")
        factor = um_per_unit(unit or "µm")
        if value is None:
            continue
        if factor is None or (value == 1 and not unit):
            what = f"{name} is {value:g} {unit or 'without a unit'}".strip()
            message = f"{what}, as in images that nobody calibrated; left out"
            reported.append(Conflict((f"pixel_size_{axis}_um",), message))
            continue
        original = f"{pixels.get(name)} {unit}".strip()
        fields[f"pixel_size_{axis}_um"] = Field(
            scaled(value, factor), "file", f"{where}/@{name}", original
        )
    return fields


def read_channels(pixels: Node, where: str) -> tuple[ChannelRecord, ...]:
    """One record per `Channel` element; exposures are the planes' (see `read_planes`)."""
    return tuple(
        _read_channel(node, f"{where}/Channel[{index}]")
        for index, node in enumerate(pixels.all("Channel"))
    )


def _read_channel(node: Node, where: str) -> ChannelRecord:
    fields = {}
    for name, attribute in (
        ("acquisition_mode", "AcquisitionMode"),
        ("contrast_method", "ContrastMethod"),
        ("illumination_type", "IlluminationType"),
    ):
        word = node.word(attribute)
        if word:
            fields[name] = Field(word, "file", f"{where}/@{attribute}", original=word)
    for name, attribute in (
        ("excitation_nm", "ExcitationWavelength"),
        ("emission_nm", "EmissionWavelength"),
    ):
        value, unit = node.positive(attribute), node.get(f"{attribute}Unit")
        factor = um_per_unit(unit or "nm")
        if value is not None and factor is not None:
            original = f"{node.get(attribute)} {unit}".strip()
            nm = scaled(value, 1000 * factor)
            fields[name] = Field(nm, "file", f"{where}/@{attribute}", original)
    binning = node.first("DetectorSettings").word("Binning")
    number = to_number((binning or "").lower().split("x")[0])
    if number:
        path = f"{where}/DetectorSettings/@Binning"
        fields["binning"] = Field(number, "file", path, original=binning)
    return ChannelRecord(node.get("Name"), fields)


class _Plane(NamedTuple):
    """A `Plane` element: light, since there can be tens of thousands."""

    c: int
    z: int
    t: int
    position_z_um: float | None
    exposure_time_ms: float | None

    def record(self) -> PlaneRecord:
        return PlaneRecord(*self)


def read_planes(
    pixels: Node, where: str, channels: tuple[ChannelRecord, ...], reported: list[Conflict]
) -> tuple[tuple[ChannelRecord, ...], tuple[PlaneRecord, ...]]:
    """Channels with the exposure that all their planes share, and planes for what varies."""
    planes: dict[tuple[int, int, int], _Plane] = {}
    originals: dict[int, str] = {}
    sizes = [pixels.positive(f"Size{axis}") or 1 for axis in "CZT"]
    outside = 0
    for node in pixels.all("Plane"):
        where_czt = [_number(node.get(n)) for n in ("TheC", "TheZ", "TheT")]
        if None in where_czt:
            continue
        c, z, t = (int(v or 0) for v in where_czt)
        if not (0 <= c < sizes[0] and 0 <= z < sizes[1] and 0 <= t < sizes[2]):
            outside += 1
            continue
        exposure, text = _exposure(node.get("ExposureTime"), node.get("ExposureTimeUnit"))
        if exposure is not None:
            originals.setdefault(c, text)
        position = _position(node.get("PositionZ"), node.get("PositionZUnit"))
        planes[c, z, t] = _Plane(c, z, t, position, exposure)
    if outside:
        message = f"the OME-XML describes {outside} planes that the image does not have; left out"
        reported.append(Conflict(("planes",), message))
    _doubt_exposures(originals, reported)
    kept = _without_flat_positions(list(planes.values()), reported)
    return _share_exposures(kept, channels, originals, where)


_number = lru_cache(maxsize=4096)(to_number)


# The same few texts stand in thousands of planes.
@lru_cache(maxsize=1024)
def _exposure(text: str, unit: str) -> tuple[float | None, str]:
    value, factor = to_number(text), ms_per_unit(unit or "s")
    if value is None or value <= 0 or factor is None:
        return None, ""
    return scaled(value, factor), f"{text} {unit or _NO_UNIT}"


@lru_cache(maxsize=1024)
def _position(text: str, unit: str) -> float | None:
    value, factor = to_number(text), um_per_unit(unit or "µm")
    return None if value is None or factor is None else scaled(value, factor)


def _doubt_exposures(originals: Mapping[int, str], reported: list[Conflict]) -> None:
    """Say so where a long exposure has no unit: read as OME's seconds, it is often milliseconds."""
    for text in dict.fromkeys(originals.values()):
        number = to_number(text.removesuffix(_NO_UNIT))
        if text.endswith(_NO_UNIT) and number is not None and number > _LONG_WITHOUT_UNIT_S:
            message = f"ExposureTime is {number:g} without a unit; read as s, it may be ms"
            reported.append(Conflict(("exposure_time_ms",), message))


def _without_flat_positions(planes: list[_Plane], reported: list[Conflict]) -> list[_Plane]:
    """A z stack whose planes all claim one position did not record it: take it as unknown."""
    depth: dict[tuple[int, int], set[int]] = {}
    positions: dict[tuple[int, int], set[float | None]] = {}
    for plane in planes:
        depth.setdefault((plane.c, plane.t), set()).add(plane.z)
        positions.setdefault((plane.c, plane.t), set()).add(plane.position_z_um)
    flat = {
        key
        for key, found in positions.items()
        if len(depth[key]) > 1 and len(found) == 1 and None not in found
    }
    if not flat:
        return planes
    value = next(iter(positions[min(flat)]))
    message = f"every plane of the z stack claims PositionZ {value:g} µm; taken as not recorded"
    reported.append(Conflict(("position_z_um",), message))
    return [p._replace(position_z_um=None) if (p.c, p.t) in flat else p for p in planes]


def _share_exposures(
    planes: list[_Plane],
    channels: tuple[ChannelRecord, ...],
    originals: dict[int, str],
    where: str,
) -> tuple[tuple[ChannelRecord, ...], tuple[PlaneRecord, ...]]:
    """Move an exposure that all planes of a channel share from the planes to the channel."""
    count = max([len(channels), *(plane.c + 1 for plane in planes)])
    wide = channels + (ChannelRecord(name=""),) * (count - len(channels))
    shared: dict[int, float] = {}
    for c in originals:
        times = {plane.exposure_time_ms for plane in planes if plane.c == c}
        if len(times) == 1:
            shared[c] = next(iter(times)) or 0.0
    new_channels = []
    for c, channel in enumerate(wide):
        if c in shared:
            path = f"{where}/Plane[TheC={c}]/@ExposureTime"
            field = Field(shared[c], "file", path, originals[c])
            channel = replace(channel, fields={**channel.fields, "exposure_time_ms": field})
        new_channels.append(channel)
    kept = (p._replace(exposure_time_ms=None) if p.c in shared else p for p in planes)
    told = (p for p in kept if p.position_z_um is not None or p.exposure_time_ms is not None)
    return tuple(new_channels), tuple(plane.record() for plane in told)
