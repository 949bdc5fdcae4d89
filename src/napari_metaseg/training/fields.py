"""Which fields a network sees, and which tell domains apart, where the request leaves it open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from napari_metaseg.acquisition.fields import CONDITION_FIELDS
from napari_metaseg.acquisition.record import Value
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.conditioning.schema import check_stated
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.datasets.zoom import SCALE_FIELDS
from napari_metaseg.training.request import TrainingRequest

FEW_VALUES = 12
"""A number of more values than these is measured rather than chosen, and makes no domains."""


def check_fields(request: TrainingRequest, items: Sequence[PlaneItem]) -> None:
    """Raise `InputError` for a named field that no plane states: before any pixels are read.

    A model to start from may see fields that these planes do not state.
    """
    fields = () if request.init_from else request.fields
    check_stated([item.condition for item in items], (*fields, *request.domain_fields))


def seen_fields(
    request: TrainingRequest, train: Sequence[PlaneItem]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields the network sees, and what to say of them.

    Those asked for, or every condition field that varies in training; none where the strategy or
    the method looks at the image alone.
    """
    if not METHODS[request.method].reads_metadata or not request.info.sees_metadata:
        return (), ()
    if request.fields:
        return request.fields, ()
    varying = varying_fields(train)
    if varying:
        return varying, ()
    text = "No metadata varies between the training images: trained on the image alone."
    return (), (text,)


def is_told_scale(strategy: str, fields: Collection[str]) -> bool:
    """Whether patches are zoomed both ways with the network told of it by one of its fields."""
    return strategy == "conditioned" and not SCALE_FIELDS.isdisjoint(fields)


def varying_fields(items: Sequence[PlaneItem]) -> tuple[str, ...]:
    """The condition fields of which the planes have more than one value, unknown being one."""
    varying = [n for n in CONDITION_FIELDS if len({i.condition.get(n) for i in items}) > 1]
    if "plane_offset_um" in varying and "in_focus" in varying:
        varying.remove("in_focus")
    return tuple(varying)


def domain_names(request: TrainingRequest, train: Sequence[PlaneItem]) -> tuple[str, ...]:
    """The fields whose values make a domain: the one rule for all that is done by domain.

    `domain_fields` where they are given. Else those of `fields`, or of all condition fields, that
    sort the training planes: categories, truth values and numbers of few values
    (`is_sorting_number`), without what follows from the ones before (a pixel size from the
    magnification); empty where there are none. Raises `InputError` for a given field that no
    training plane states.
    """
    if request.domain_fields:
        check_stated([item.condition for item in train], request.domain_fields)
        return request.domain_fields
    chosen: tuple[str, ...] = ()
    for name in request.fields or tuple(CONDITION_FIELDS):
        values = [coarse(item.condition.get(name)) for item in train]
        keys = [domain_key(item, chosen) for item in train]
        if _sorts(name, values) and not (chosen and _follows(values, keys)):
            chosen = (*chosen, name)
    return chosen


def domain_key(item: PlaneItem, names: Sequence[str]) -> tuple[Value | None, ...]:
    """The plane's values of these fields, numbers to two digits; unknown is a value, too."""
    return tuple(coarse(item.condition.get(name)) for name in names)


def coarse(value: Value | None) -> Value | None:
    """A number rounded to two digits, so that what agrees in them is one value; others as is."""
    return float(f"{value:.2g}") if _is_number(value) else value


def is_sorting_number(name: str, values: Sequence[Value]) -> bool:
    """Whether a number (its known values, one a plane) tells kinds of images apart.

    It has at most `FEW_VALUES` values, and several planes share most of them: an exposure that
    differs from image to image would make each a kind of its own. A scale is chosen with the
    objective, so that few values suffice even where no two planes share one.
    """
    planes = Counter(values)
    shared = sum(count > 1 for count in planes.values())
    return len(planes) <= FEW_VALUES and (name in SCALE_FIELDS or 2 * shared > len(planes))


def _sorts(name: str, values: Sequence[Value | None]) -> bool:
    if len(set(values)) < 2:
        return False
    known = [value for value in values if value is not None]
    return not any(map(_is_number, known)) or is_sorting_number(name, known)


def _follows(values: Sequence[Value | None], keys: Sequence[tuple[Value | None, ...]]) -> bool:
    """Whether the values, where known, are given by the keys, so that they would split none."""
    pairs = {pair for pair in zip(keys, values, strict=True) if pair[1] is not None}
    return len(pairs) == len({key for key, _ in pairs})


def _is_number(value: Value | None) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)
