"""Vertical scans in OME-TIFF, whose pages are Y by X: a notice says that their rows are z."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from napari_metaseg.acquisition.record import AcquisitionRecord, Conflict
from napari_metaseg.images.protocol import ImageSource, PlanewiseImage

_NOTICE = Conflict((), "a vertical scan: the rows of its planes are z")


def stored_sizes(source: ImageSource) -> dict[str, int]:
    """The length of each axis as a page of a TIFF has it: a vertical scan's rows are Y there."""
    axes = source.axes if "Y" in source.axes else source.axes.replace("Z", "Y")
    return dict(zip(axes, source.shape, strict=True))


def with_notice(source: ImageSource, record: AcquisitionRecord) -> AcquisitionRecord:
    """The record with the notice, where `source` is a vertical scan."""
    if "Y" in source.axes or _NOTICE in record.reported:
        return record
    return replace(record, reported=(*record.reported, _NOTICE))


def name_axes(images: Iterable[ImageSource]) -> None:
    """Give images that have the notice their own axes back: CYX is CZX."""
    for image in images:
        if "Z" in image.axes or not isinstance(image, PlanewiseImage):
            continue  # a record may be read late: ask only where it can matter
        if _NOTICE in image.record.reported:
            image.axes = image.axes.replace("Y", "Z")
