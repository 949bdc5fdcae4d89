"""A microscope program's own metadata in a TIFF series: which there are, and the record of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

from napari_metaseg.acquisition.record import AcquisitionRecord, Conflict
from napari_metaseg.images.tiff.harmony_tag import TAG as HARMONY_TAG
from napari_metaseg.images.tiff.harmony_tag import read_harmony_tag
from napari_metaseg.images.tiff.layout import Layout
from napari_metaseg.images.tiff.metaseries import read_metaseries
from napari_metaseg.images.tiff.micromanager import TAG as MICROMANAGER_TAG
from napari_metaseg.images.tiff.micromanager import plane_json, read_micromanager

_MOST_PAGES = 2000
"""Of longer series the first page speaks for all: reading every page's tags would take minutes."""

Czt = tuple[int, int, int]


def vendor_record(
    tiff: Any, series: Any, layout: Layout
) -> tuple[AcquisitionRecord | None, tuple[Conflict, ...]]:
    """What MetaSeries, Micro-Manager or Harmony wrote of the series; None where none of them did.

    Beside it, why a vendor's metadata that are there could not be read.
    """
    broken = []
    for name, read in _READERS.items():
        try:
            record = read(tiff, series, layout)
        except ValueError as error:
            message = f"the file's {name} metadata cannot be read ({error}); they are left out"
            broken.append(Conflict((), message))
        else:
            if record is not None:
                return record, tuple(broken)
    return None, tuple(broken)


def _metaseries(tiff: Any, series: Any, layout: Layout) -> AcquisitionRecord | None:
    if not tiff.is_metaseries:
        return None
    pages = [(place, str(page.description)) for place, page in _pages(series, layout)]
    return read_metaseries([text for _, text in pages], [place for place, _ in pages])


def _micromanager(tiff: Any, series: Any, layout: Layout) -> AcquisitionRecord | None:
    found: list[tuple[Czt, Mapping[str, Any]]] = []
    for place, page in _pages(series, layout):
        tag = page.tags.get(MICROMANAGER_TAG)
        plain = plane_json(tag.value) if tag is not None else None
        if plain is None:
            break
        found.append((place, plain))
    where = f"TIFF tag {MICROMANAGER_TAG}"
    if not found and tiff.is_imagej:
        plain = plane_json((tiff.imagej_metadata or {}).get("Info", ""))
        found, where = ([((0, 0, 0), plain)] if plain is not None else []), "ImageJ Info"
    if not found:
        return None
    return read_micromanager([plain for _, plain in found], [place for place, _ in found], where)


def _harmony(tiff: Any, series: Any, layout: Layout) -> AcquisitionRecord | None:
    tag = series.keyframe.tags.get(HARMONY_TAG)
    value = tag.value if tag is not None else None
    return read_harmony_tag(value) if isinstance(value, str | bytes) else None


def _pages(series: Any, layout: Layout) -> Iterator[tuple[Czt, Any]]:
    """The series' pages with their (c, z, t); of a very long one, the first alone."""
    letters = [letter for letter, _ in layout.leading]
    counts = [count for _, count in layout.leading]
    if layout.page_count > _MOST_PAGES or len(series.pages) != layout.page_count:
        yield (0, 0, 0), series.keyframe
        return
    for number, where in enumerate(product(*(range(n) for n in counts))):
        at = dict(zip(letters, where, strict=True))
        page = series.pages[number]
        if page is None:
            return
        full = page if hasattr(page, "tags") else page.aspage()
        yield (at.get("C", 0), at.get("Z", 0), at.get("T", 0)), full


_READERS: Mapping[str, Callable[[Any, Any, Layout], AcquisitionRecord | None]] = {
    "MetaMorph": _metaseries,
    "Micro-Manager": _micromanager,
    "Harmony": _harmony,
}


def original_texts(tiff: Any) -> dict[str, str]:
    """What the file says in its own words, by the name of the one who wrote it."""
    found: dict[str, str] = {}
    if tiff.is_ome and tiff.ome_metadata:
        found["OME-XML"] = str(tiff.ome_metadata)
    if tiff.is_metaseries:
        found["MetaSeries"] = str(tiff.pages[0].description)
    if tiff.is_imagej:
        found |= {f"ImageJ {k}": str(v) for k, v in (tiff.imagej_metadata or {}).items()}
    for name, code in (("Micro-Manager", MICROMANAGER_TAG), ("Harmony", HARMONY_TAG)):
        tag = tiff.pages[0].tags.get(code)
        if tag is not None:
            value = tag.value
            found[name] = (
                value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            )
    if not found and tiff.pages[0].description:
        found["ImageDescription"] = str(tiff.pages[0].description)
    return found
