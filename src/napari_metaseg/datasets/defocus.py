"""Distance from focus: a blur that the metadata follows, where that is honest.

A symmetric blur has no sign. In fluorescence the image blurs alike on both sides of focus, to a
first approximation, so |offset| says it all. In transmitted light contrast inverts with the sign
(dark above focus, bright below), which no blur can imitate: such planes are left as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from napari_metaseg.acquisition.condition import DEFAULT_DEPTH_OF_FIELD_UM, Condition
from napari_metaseg.acquisition.record import Value
from napari_metaseg.datasets.microscope.optics import Objective, common_objective

_WAVELENGTH_UM = 0.55


def can_defocus(condition: Condition) -> bool:
    """Whether blur has a meaning here: fluorescence of known focus, magnification and pixel size.

    Known focus is an offset, or being in focus.
    """
    focus = "plane_offset_um" in condition or condition.get("in_focus") is True
    scale = _number(condition, "magnification") and _number(condition, "pixel_size_um")
    return bool(focus and scale and condition.get("modality") == "fluorescence")


def blur_px(condition: Condition, distance_um: float) -> float:
    """The standard deviation in pixels of the blur that `distance_um` out of focus adds.

    Half of d · tan(half angle), geometric optics as in the virtual microscope. The aperture is that
    of a usual lens of the magnification, since conditions do not hold it.
    """
    lens = _usual_lens(condition)
    angle = math.asin(lens.na / lens.refractive_index) if lens else 0.0
    return 0.5 * distance_um * math.tan(angle) / (_number(condition, "pixel_size_um") or 1.0)


def defocused_condition(
    condition: Condition, distance_um: float, rng: np.random.Generator
) -> Mapping[str, Value]:
    """The condition after a further blur by `distance_um`.

    Gaussian widths add in squares and each is in proportion to its distance, so
    |offset| = √(offset² + distance²). The offset keeps its sign; from focus itself the sign is
    drawn, since both sides look alike. in_focus becomes false beyond the depth of field λn/NA².
    """
    changed = dict(condition)
    offset = _number(condition, "plane_offset_um") or 0.0
    sign = math.copysign(1.0, offset) if offset else float(rng.choice((-1.0, 1.0)))
    distance = math.hypot(offset, distance_um)
    if "plane_offset_um" in changed:
        changed["plane_offset_um"] = sign * distance
    if "in_focus" in changed:
        changed["in_focus"] = bool(changed["in_focus"]) and distance <= depth_of_field_um(condition)
    return changed


def depth_of_field_um(condition: Condition) -> float:
    """λn/NA² of a usual lens of the magnification; `DEFAULT_DEPTH_OF_FIELD_UM` where unknown."""
    lens = _usual_lens(condition)
    if lens is None:
        return DEFAULT_DEPTH_OF_FIELD_UM
    return _WAVELENGTH_UM * lens.refractive_index / lens.na**2


def is_blurred(condition: Condition) -> bool:
    """Whether the plane is known to be out of focus by more than the depth of field."""
    offset = _number(condition, "plane_offset_um")
    beyond = offset is not None and abs(offset) > depth_of_field_um(condition)
    return beyond or condition.get("in_focus") is False


def _usual_lens(condition: Condition) -> Objective | None:
    magnification = _number(condition, "magnification")
    return common_objective(magnification) if magnification else None


def _number(condition: Condition, name: str) -> float | None:
    value = condition.get(name)
    return float(value) if isinstance(value, float | int) and not isinstance(value, bool) else None
