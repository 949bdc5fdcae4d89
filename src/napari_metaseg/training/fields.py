"""Which fields a network sees, and which tell domains apart, where the request leaves it open."""

from __future__ import annotations

from collections.abc import Sequence

from napari_metaseg.acquisition.fields import CONDITION_FIELDS
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.training.request import TrainingRequest


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


def varying_fields(items: Sequence[PlaneItem]) -> tuple[str, ...]:
    """The condition fields of which the planes have more than one value, unknown being one."""
    varying = [n for n in CONDITION_FIELDS if len({i.condition.get(n) for i in items}) > 1]
    if "plane_offset_um" in varying and "in_focus" in varying:
        varying.remove("in_focus")
    return tuple(varying)
