"""TIFF of every kind: pixels page by page through tifffile, metadata by who wrote the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_metaseg.acquisition.record import AcquisitionRecord, Conflict
from napari_metaseg.errors import InputError
from napari_metaseg.images.ome.fileset import open_set, report_companion
from napari_metaseg.images.protocol import ImageSource, PlanewiseImage, plain_stem
from napari_metaseg.images.tiff.layout import Layout, plan_layout
from napari_metaseg.images.tiff.pages import LinkedPages, Pages, listed_pages
from napari_metaseg.images.tiff.plain_ome import PlainSeries, plan_plain_ome
from napari_metaseg.images.tiff.promise import check_promise
from napari_metaseg.images.tiff.record import series_record
from napari_metaseg.images.tiff.structure import (
    OpenedTiff,
    check_chain,
    check_description,
    check_tags,
    damaged,
    opened_tiff,
)
from napari_metaseg.images.tiff.vendor import original_texts

_Series = tifffile.TiffPageSeries | PlainSeries

_COLOUR = {"RGB", "YCBCR", "CIELAB", "ICCLAB"}


class TiffImage(PlanewiseImage):
    """One series of a TIFF file.

    The file is open only while a plane is being read, so it can be moved or overwritten after.
    """

    def __init__(
        self,
        opened: OpenedTiff,
        series: _Series,
        layout: Layout,
        record: AcquisitionRecord | Callable[[], AcquisitionRecord],
        scene_index: int,
    ) -> None:
        self.path, self.scene_index, self._record = opened.path, scene_index, record
        self.name = series.name or plain_stem(opened.path)
        self.axes, self.shape = layout.axes, layout.shape
        stored = np.dtype(series.dtype)
        self.dtype = np.dtype(np.uint8) if stored.kind == "b" else stored.newbyteorder("=")
        self._layout = layout
        self._page_axes = series.keyframe.axes
        self._pages: Pages = (
            LinkedPages(opened)
            if isinstance(series, PlainSeries)
            else listed_pages(opened, series, layout.page_count)
        )

    def original_metadata(self) -> Mapping[str, str]:
        """What OME, ImageJ or a vendor wrote, read anew from the file."""
        with opened_tiff(self.path) as opened:
            return original_texts(opened.tiff)

    def _read(self, c: int, z: int, t: int) -> NDArray[Any]:
        return self._select(self._pages.read(self._layout.page_index(c, z, t)), c)

    def _read_region(
        self, rows: slice, columns: slice, c: int, z: int, t: int
    ) -> NDArray[Any] | None:
        part = self._pages.part(self._layout.page_index(c, z, t), rows, columns)
        return None if part is None else self._select(part, c)

    def _select(self, stored: NDArray[Any], c: int) -> NDArray[Any]:
        """The plane out of its page: the channel, or the three colours last."""
        if "S" in self._page_axes:
            stored = np.moveaxis(stored, self._page_axes.index("S"), -1)
            samples = self._layout.samples
            stored = stored[..., :3] if samples == "rgb" else stored[..., c]
        return np.ascontiguousarray(stored, dtype=self.dtype)


def open_tiff(path: Path) -> tuple[ImageSource, ...]:
    """Every series of a TIFF file; of a pyramid, the full resolution. Reads no pixels.

    Raises `InputError` for a file that is truncated or damaged, or has axes that are no image's.
    """
    with opened_tiff(path) as opened:
        check_tags(opened)
        check_description(opened)
        plain = plan_plain_ome(opened.tiff)
        if plain is not None:
            return (_open_series(opened, plain, 0, 1),)
        check_chain(opened)
        xml = (opened.tiff.ome_metadata if opened.tiff.is_ome else None) or ""
        images = open_set(path, xml)
        if images is not None:
            return images
        check_promise(opened, xml)
        series = [s for s in opened.tiff.series if s.ndim >= 2]
        if not series:
            raise damaged(path, "no image in it")
        alone = tuple(_open_series(opened, s, i, len(series)) for i, s in enumerate(series))
        return report_companion(_report_pages(alone, opened, series), xml)


def _report_pages(
    images: tuple[TiffImage, ...], opened: OpenedTiff, series: list[Any]
) -> tuple[TiffImage, ...]:
    """The images of an OME-TIFF, with a notice of pages that its OME-XML does not speak of."""
    left = len(opened.tiff.pages) - sum(len(one.pages) for one in series if one.kind == "ome")
    if left > 0 and all(one.kind == "ome" for one in series):
        notice = Conflict((), f"the file holds {left} pages that its OME-XML does not speak of")
        record = images[0].record
        images[0].record = replace(record, reported=(*record.reported, notice))
    return images


def _open_series(opened: OpenedTiff, series: _Series, index: int, count: int) -> TiffImage:
    page = series.keyframe
    if np.dtype(series.dtype).kind not in "buif":
        raise InputError(
            f"{opened.path} has pixels that are no real numbers",
            got=str(series.dtype),
            way_out="Save its real part or its magnitude",
        )
    layout = plan_layout(
        series.get_axes(squeeze=False),
        series.get_shape(squeeze=False),
        page.axes,
        colour=tifffile.PHOTOMETRIC(page.photometric).name in _COLOUR,
        name=opened.path.name,
    )
    read = partial(series_record, opened.tiff, series, layout, index=index, count=count)
    record = partial(_late, opened, read) if isinstance(series, PlainSeries) else read()
    return TiffImage(opened, series, layout, record, index)


def _late(opened: OpenedTiff, read: Callable[[], AcquisitionRecord]) -> AcquisitionRecord:
    """What `read` gives while the file, closed since, is open again."""
    with opened.reopened():
        return read()
