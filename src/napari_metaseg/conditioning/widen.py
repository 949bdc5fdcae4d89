"""The trained range as the augmentation widens it: what the network saw beyond the images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.datasets.defocus import can_defocus, depth_of_field_um
from napari_metaseg.datasets.patch import Augmentation
from napari_metaseg.datasets.zoom import Range, Trained, can_zoom, trained_range, zoom_range

_Reach = Callable[[Condition, float], Range]


def widened_by(
    schema: MetadataSchema, settings: Augmentation, conditions: Sequence[Condition]
) -> MetadataSchema:
    """The schema with the ranges that `settings` can make of the training conditions.

    Magnification and pixel size by the zoom, exposure downwards by thinning (planes whose gain
    turns out to be unknown are not thinned, so that this is the most it can be), the offset from
    focus both ways by defocus. The trained values themselves stay, but for `in_focus`: defocus also
    shows planes that are out of focus where all images are in it.
    """
    trained = trained_range(conditions)
    for name, reach in _reaches(settings, trained).items():
        ends = [end for c in conditions for end in _ends(c, name, reach)]
        if ends:
            schema = schema.covering(name, min(ends), max(ends))
    leaves = any(_leaves_focus(c, settings.max_defocus_um) for c in conditions)
    return _out_of_focus_too(schema) if leaves else schema


def _leaves_focus(condition: Condition, distance_um: float) -> bool:
    """Whether defocus by up to this distance can take the plane out of focus."""
    if distance_um <= 0 or condition.get("in_focus") is not True or not can_defocus(condition):
        return False
    offset = float(condition.get("plane_offset_um", 0.0))
    return math.hypot(offset, distance_um) > depth_of_field_um(condition)


def _out_of_focus_too(schema: MetadataSchema) -> MetadataSchema:
    """The schema whose field `in_focus`, if it has one, was trained with both values."""
    both = {"trained_values": (False, True)}
    fields = (f.model_copy(update=both) if f.name == "in_focus" else f for f in schema.fields)
    return MetadataSchema(fields=tuple(fields))


def _reaches(settings: Augmentation, trained: Trained) -> dict[str, _Reach]:
    """Per field: the range that a plane's own value may become."""

    def magnification(condition: Condition, value: float) -> Range:
        low, high = _zooms(condition)
        return value * low, value * high

    def pixel_size(condition: Condition, value: float) -> Range:
        low, high = _zooms(condition)
        return value / high, value / low

    def _zooms(condition: Condition) -> Range:
        zooms = settings.max_zoom > 1 and settings.zoom_share > 0 and can_zoom(condition)
        return zoom_range(settings, condition, trained) if zooms else (1.0, 1.0)

    def exposure(condition: Condition, value: float) -> Range:
        return value / settings.max_thinning, value

    def offset(condition: Condition, value: float) -> Range:
        if settings.max_defocus_um <= 0 or not can_defocus(condition):
            return value, value
        furthest = math.hypot(value, settings.max_defocus_um)
        return (-furthest if value <= 0 else value), (furthest if value >= 0 else value)

    return {
        "magnification": magnification,
        "pixel_size_um": pixel_size,
        "exposure_ms": exposure,
        "plane_offset_um": offset,
    }


def _ends(condition: Condition, name: str, reach: _Reach) -> Iterator[float]:
    value = condition.get(name)
    if isinstance(value, float | int) and not isinstance(value, bool):
        yield from reach(condition, float(value))
