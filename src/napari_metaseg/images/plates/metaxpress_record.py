"""The record of a MetaXpress site: its index says nothing of the acquisition, its TIFFs do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    ChannelRecord,
    Conflict,
    PlaneRecord,
)
from napari_metaseg.errors import InputError
from napari_metaseg.images.page_file import PlaneFile
from napari_metaseg.images.without_pixels import ImageOfFiles

Czt = tuple[int, int, int]

_READ_PLANES = 64
"""Of a larger site one TIFF per channel is read, and positions are left unknown."""


class SiteImage(ImageOfFiles):
    """One site. Its record is read from its TIFFs when somebody asks: a plate has thousands."""

    _read_record: AcquisitionRecord | None = None
    _planned: AcquisitionRecord

    @property
    def record(self) -> AcquisitionRecord:
        """What the TIFFs say of the acquisition, and the index of the channels."""
        if self._read_record is None:
            self._read_record = _record(self._planned, self.files)
        return self._read_record

    @record.setter
    def record(self, record: AcquisitionRecord) -> None:
        """Before the TIFFs are read this is the index's record, afterwards the whole one."""
        if "_planned" in self.__dict__:
            self._read_record = record
        else:
            self._planned = record


def _record(planned: AcquisitionRecord, files: Mapping[Czt, PlaneFile]) -> AcquisitionRecord:
    firsts = {c: (c, z, t) for c, z, t in sorted(files, reverse=True)}
    chosen = sorted(files) if len(files) <= _READ_PLANES else sorted(firsts.values())
    read = {czt: _tiff_record(files[czt]) for czt in chosen}
    if not read:
        return planned
    channels = [
        _channel(planned.channel(c), read[firsts[c]].channel(0)) if c in firsts else channel
        for c, channel in enumerate(planned.channels)
    ]
    reported = [conflict for record in read.values() for conflict in record.reported]
    return AcquisitionRecord(
        fields=read[min(read)].fields,
        channels=tuple(channels),
        planes=tuple(p for czt, record in read.items() if (p := _plane(czt, record)) is not None),
        reported=tuple(dict.fromkeys((*planned.reported, *reported))),
    )


def _tiff_record(file: PlaneFile) -> AcquisitionRecord:
    """The record of the plane's own TIFF; a notice where it cannot be read."""
    from napari_metaseg.images.tiff.reader import open_tiff

    try:
        return open_tiff(file.path)[0].record
    except InputError as error:
        return AcquisitionRecord(reported=(Conflict((), str(error)),))


def _channel(planned: ChannelRecord, read: ChannelRecord) -> ChannelRecord:
    return replace(read, name=planned.name or read.name)


def _plane(czt: Czt, record: AcquisitionRecord) -> PlaneRecord | None:
    """What the TIFF says of its one plane, at the plane's place in the site."""
    c, z, t = czt
    told = record.plane(0, 0, 0)
    return replace(told, c=c, z=z, t=t) if told is not None else None
