"""The acquisition record of one TIFF series, by who wrote it: OME, a vendor, ImageJ, or anyone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord, Conflict
from napari_metaseg.images.ome.xml import read_ome
from napari_metaseg.images.tiff.calibration import imagej_fields, pixel_fields
from napari_metaseg.images.tiff.imagej import info_fields
from napari_metaseg.images.tiff.layout import Layout
from napari_metaseg.images.tiff.vendor import vendor_record

_CALIBRATION_TAGS = (282, 283, 296)

_UNREAD = {
    "is_lsm": "Zeiss LSM",
    "is_stk": "MetaMorph STK",
    "is_fluoview": "Olympus FluoView",
    "is_scanimage": "ScanImage",
    "is_svs": "Aperio",
    "is_ndpi": "Hamamatsu",
    "is_scn": "Leica SCN",
    "is_qpi": "PerkinElmer QPI",
    "is_nih": "NIH Image",
}
"""tifffile's flag → whose metadata the file holds beside the pixels."""


def series_record(
    tiff: Any, series: Any, layout: Layout, *, index: int, count: int
) -> AcquisitionRecord:
    """What the file says of series `index` of `count`, with a notice for what had to be guessed."""
    record = _read(tiff, series, layout, index, count)
    record = replace(record, channels=_as_many(record.channels, layout))
    notices = _guess_notices(layout) + _unread_notices(tiff) + _unfitting_notices(tiff, series)
    return replace(record, reported=record.reported + notices)


def _read(tiff: Any, series: Any, layout: Layout, index: int, count: int) -> AcquisitionRecord:
    if tiff.is_ome and tiff.ome_metadata:
        images, broken = read_ome(tiff.ome_metadata)
        if broken:
            plain = _plain(tiff, series, layout)
            return replace(plain, reported=(*plain.reported, Conflict((), broken)))
        if len(images) == count:
            return images[index].record
        named = [image for image in images if image.name == series.name]
        if len(named) == 1:
            return named[0].record
        message = f"the OME-XML describes {len(images)} images, the file has {count}; not matched"
        return AcquisitionRecord(reported=(Conflict((), message),))
    return _plain(tiff, series, layout)


def _plain(tiff: Any, series: Any, layout: Layout) -> AcquisitionRecord:
    found, broken = vendor_record(tiff, series, layout)
    plain = _tags_and_imagej(tiff, series)
    if found is None:
        return replace(plain, reported=(*plain.reported, *broken))
    sizes = plain.fields if tiff.is_imagej else {}
    return replace(found, fields={**sizes, **found.fields}, reported=(*found.reported, *broken))


def _tags_and_imagej(tiff: Any, series: Any) -> AcquisitionRecord:
    tags = {
        code: tag.value
        for code in _CALIBRATION_TAGS
        if (tag := series.keyframe.tags.get(code)) is not None
    }
    if not (tiff.is_imagej and tiff.imagej_metadata):
        fields, notices = pixel_fields(tags)
        return AcquisitionRecord(fields=fields, reported=notices)
    metadata = tiff.imagej_metadata
    fields, notices = imagej_fields(tags, metadata)
    return AcquisitionRecord(
        fields=info_fields(str(metadata.get("Info", ""))) | fields,
        channels=_imagej_channels(metadata),
        reported=notices,
    )


def _imagej_channels(metadata: dict[str, Any]) -> tuple[ChannelRecord, ...]:
    """Channel names where ImageJ's slice labels are one for each channel of a single plane."""
    labels, channels = metadata.get("Labels"), int(metadata.get("channels", 1))
    if not isinstance(labels, list | tuple) or len(labels) != channels:
        return ()
    return tuple(ChannelRecord(name=str(label).strip()) for label in labels)


def _as_many(channels: tuple[ChannelRecord, ...], layout: Layout) -> tuple[ChannelRecord, ...]:
    """One channel record for each channel that the image has."""
    sizes = dict(zip(layout.axes, layout.shape, strict=True))
    count = sizes.get("C", 1)
    return (channels + (ChannelRecord(name=""),) * count)[:count]


def _guess_notices(layout: Layout) -> tuple[Conflict, ...]:
    words = {"Z": "z planes", "T": "time points", "C": "channels"}
    return tuple(
        Conflict((), f"the file does not say what its {length} pages are; read as {words[letter]}")
        for letter, length in layout.guessed
    )


def _unread_notices(tiff: Any) -> tuple[Conflict, ...]:
    """Say so where a vendor's own metadata are in the file and are not read."""
    if tiff.is_ome:
        return ()
    vendors = [name for flag, name in _UNREAD.items() if getattr(tiff, flag, False)]
    return tuple(
        Conflict((), f"the file also holds {vendor} metadata, which are not read")
        for vendor in dict.fromkeys(vendors)
    )


def _unfitting_notices(tiff: Any, series: Any) -> tuple[Conflict, ...]:
    """Say so where tifffile could not follow the sizes that the OME-XML states."""
    if not (tiff.is_ome and getattr(series, "kind", "ome") != "ome"):
        return ()
    return (Conflict((), "the OME-XML does not fit the pixels; the axes are those of the pages"),)
