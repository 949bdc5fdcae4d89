"""Numbers of OME-XML that stand there and cannot be read: said, and never passed over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from napari_metaseg.acquisition.record import Conflict
from napari_metaseg.images.ome.node import Node, to_number
from napari_metaseg.images.units import ms_per_unit

_PIXELS = {f"PhysicalSize{axis}": f"pixel_size_{axis.lower()}_um" for axis in "XYZ"}
_OBJECTIVE = {"NominalMagnification": "objective_nominal_magnification", "LensNA": "lens_na"}
_SETTINGS = {"RefractiveIndex": "refractive_index"}
_CHANNEL = {"ExcitationWavelength": "excitation_nm", "EmissionWavelength": "emission_nm"}
_PLANE = {"ExposureTime": "exposure_time_ms", "PositionZ": "position_z_um"}

_number = lru_cache(maxsize=4096)(to_number)


def unreadable_numbers(image: Node, instrument: Node) -> tuple[Conflict, ...]:
    """One conflict for each text that should be a number, or an exposure's unit, and is not."""
    return tuple(dict.fromkeys(_find(image, instrument)))


def _find(image: Node, instrument: Node) -> Iterator[Conflict]:
    pixels = image.first("Pixels")
    yield from _wrong(pixels, _PIXELS)
    yield from _wrong(image.first("ObjectiveSettings"), _SETTINGS)
    for objective in instrument.all("Objective"):
        yield from _wrong(objective, _OBJECTIVE)
    for channel in pixels.all("Channel"):
        yield from _wrong(channel, _CHANNEL)
    for plane in pixels.all("Plane"):
        yield from _wrong(plane, _PLANE)
        unit = plane.get("ExposureTimeUnit")
        if unit and plane.get("ExposureTime") and ms_per_unit(unit) is None:
            message = f"ExposureTime has the unit {unit[:40]!r}, which is no time; left out"
            yield Conflict(("exposure_time_ms",), message)


def _wrong(node: Node, names: Mapping[str, str]) -> Iterator[Conflict]:
    for attribute, field in names.items():
        text = node.get(attribute)
        if text and _number(text) is None:
            hint = "; decimals need a point" if "," in text else ""
            message = f"{attribute} is {text[:40]!r}, which is no number; left out{hint}"
            yield Conflict((field,), message)
