"""Pixel sizes of the record and the scale of the layer, kept in step in both directions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from napari.layers import Layer

from napari_metaseg.acquisition.condition import derive_condition
from napari_metaseg.acquisition.record import AcquisitionRecord, Field, Value
from napari_metaseg.plugin import layers

AXES_OF: Mapping[str, str] = {
    "pixel_size_um": "XY",
    "pixel_size_x_um": "X",
    "pixel_size_y_um": "Y",
    "pixel_size_z_um": "Z",
}
"""The axes whose scale an edit of the field changes."""

_TOLERANCE = 1e-3
"""Of a scale, below which it is the same: napari and files round differently."""


def pixel_size_um(layer: Layer, axis: str = "X") -> float | None:
    """The layer's scale along an axis in micrometres, or None where its unit is no length."""
    axes = layers.axes_of(layer)
    if axis not in axes:
        return None
    at = axes.index(axis)
    quantity = float(abs(layer.scale[at])) * layer.units[at]
    if not quantity.check("[length]"):
        return None
    return float(quantity.to("um").magnitude)


def set_pixel_sizes(layer: Layer, sizes: Mapping[str, float | None]) -> None:
    """Scale the layer's axes to these micrometres; None makes an axis uncalibrated."""
    scale, units = list(layer.scale), [str(u) for u in layer.units]
    for at, axis in enumerate(layers.axes_of(layer)):
        if axis in sizes:
            scale[at], units[at] = sizes[axis] or 1.0, "um" if sizes[axis] else "pixel"
    layer.units = units
    layer.scale = scale


def follow(layer: Layer, others: Iterable[Layer]) -> None:
    """Scale other layers as one was scaled."""
    sizes = {axis: size for axis in "XYZ" if (size := pixel_size_um(layer, axis)) is not None}
    for other in others:
        set_pixel_sizes(other, sizes)


def match_scale(layer: Layer, record: AcquisitionRecord, axes: Iterable[str]) -> None:
    """Scale some of the layer's axes to what the record says of them."""
    expected = expected_steps(record)
    set_pixel_sizes(layer, {axis: expected[axis] for axis in axes})


def scale_statement(layer: Layer, record: AcquisitionRecord) -> dict[str, Value]:
    """What the layer's scale says that the record does not: it was changed after reading."""
    expected = expected_steps(record)
    x, y, z = (pixel_size_um(layer, axis) for axis in "XYZ")
    found: dict[str, Value] = {}
    if _differs(x, expected["X"]) and x is not None:
        found["pixel_size_um"] = round(x, 9)
        expected["Y"] = x
    if _differs(y, expected["Y"]) and y is not None:
        found["pixel_size_y_um"] = round(y, 9)
    if _differs(z, expected["Z"]) and z is not None:
        found["pixel_size_z_um"] = round(z, 9)
    return found


def expected_steps(record: AcquisitionRecord) -> dict[str, float | None]:
    """The steps along X, Y and Z in micrometres that the record knows."""
    size = derive_condition(record)["pixel_size_um"]
    x = _number(size)
    y = _number(y_field(record)) or x
    return {"X": x, "Y": y, "Z": _number(record.get("pixel_size_z_um")) or z_step_um(record)}


def y_field(record: AcquisitionRecord) -> Field:
    """The pixel size along y: stated for itself, else with the pixel size, else the file's."""
    stated = record.declared.get("pixel_size_um")
    if stated is not None and "pixel_size_y_um" not in record.declared:
        return stated
    return record.get("pixel_size_y_um")


def z_field(record: AcquisitionRecord) -> Field:
    """The step between planes: stated, else worked out from the stage positions."""
    stated, step = record.get("pixel_size_z_um"), z_step_um(record)
    if stated.known or step is None:
        return stated
    return Field(step, "inferred", "the stage positions of the planes", step)


def z_step_um(record: AcquisitionRecord) -> float | None:
    """The step between planes that the stage positions give, where it is the same throughout."""
    planes = sorted(record.stack(0, 0), key=lambda p: p.z)
    at = [p.position_z_um for p in planes]
    known = [z for z in at if z is not None]
    if len(known) < 2 or len(known) != len(at):
        return None
    steps = [abs(b - a) for a, b in pairwise(known)]
    even = steps[0] > 0 and max(steps) - min(steps) <= 0.01 * steps[0]
    return round(steps[0], 6) if even else None


def _number(field: Field) -> float | None:
    value = field.value
    return float(value) if isinstance(value, float | int) and not isinstance(value, bool) else None


def _differs(shown: float | None, known: float | None) -> bool:
    if shown is None:
        return False
    return known is None or abs(shown - known) > _TOLERANCE * known
