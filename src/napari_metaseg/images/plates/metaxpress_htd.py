"""Open a MetaXpress plate by its `.HTD` file: lines of quoted names and values.

It says which wells, sites and wavelengths were taken, and not how: that stands in the TIFFs, whose
names are made of the plate's name, the well, `_s<site>` and `_w<wavelength>`, below folders
`TimePoint_<n>` and `ZStep_<n>` where there are several.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord, Conflict
from napari_metaseg.errors import InputError
from napari_metaseg.images.page_file import PlaneFile, page_form
from napari_metaseg.images.plates.metaxpress_record import SiteImage
from napari_metaseg.images.plates.wells import well_name
from napari_metaseg.images.protocol import ImageSource, WellField
from napari_metaseg.images.without_pixels import (
    Described,
    ImageOfFiles,
    plane_axes,
)

_MOST_BYTES = 1 << 22
_LARGEST_GRID = 200
_FILE = re.compile(
    r"_(?P<well>[A-Z]{1,2}\d{2})(?:_s(?P<site>\d{1,4}))?(?:_w(?P<wave>\d{1,2}))?"
    r"(?P<id>[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12})?\.tiff?$",
    re.IGNORECASE,
)
_STEP = re.compile(r"^(timepoint|zstep)_(\d{1,6})$", re.IGNORECASE)

Place = tuple[str, int]
"""Well and site."""
Czt = tuple[int, int, int]


@dataclass(frozen=True)
class Plan:
    """What the index says was to be taken."""

    path: Path
    places: tuple[Place, ...]
    channels: tuple[str, ...]
    times: int
    depth: int
    lines: Mapping[str, tuple[str, ...]]


def find_htd(folder: Path) -> Path | None:
    """The plate's index in a folder, if there is exactly one."""
    found = [p for p in folder.iterdir() if p.suffix.lower() == ".htd" and p.is_file()]
    return found[0] if len(found) == 1 else None


def open_htd(path: Path) -> tuple[ImageSource, ...]:
    """The images of a plate by row, column and site; `path` is the index or its folder.

    Reads the structure of the TIFFs of one plane per channel of the first image, and no pixels.
    Raises `InputError` for an index that is damaged.
    """
    index = (find_htd(path) or path) if path.is_dir() else path
    plan = read_plan(index)
    files = _files(plan)
    form = _form(files)
    return tuple(
        _open_site(plan, place, files.get(place, {}), form, number)
        for number, place in enumerate(plan.places)
    )


def read_plan(path: Path) -> Plan:
    """The index file's plan. Raises `InputError` where it is damaged."""
    lines = _lines(path)
    waves = _whole(path, lines, "NWavelengths", 1)
    names = tuple(lines.get(f"WaveName{i + 1}", ("",))[0] for i in range(waves))
    stacked = _true(lines, "ZSeries")
    places = tuple((well, site) for well in _wells(path, lines) for site in _sites(path, lines))
    if not places:
        raise InputError(f"{path} selects no wells", way_out="Export the plate again")
    return Plan(
        path,
        places,
        names,
        times=_whole(path, lines, "TimePoints", 1, 100_000),
        depth=_whole(path, lines, "ZSteps", 1, 100_000) if stacked else 1,
        lines=lines,
    )


def _lines(path: Path) -> dict[str, tuple[str, ...]]:
    """Name → values. Free text in the file may be in any old encoding: Latin-1 reads them all."""
    if path.stat().st_size > _MOST_BYTES:
        raise InputError(f"{path} is too large for a MetaXpress index")
    text = path.read_text(encoding="latin-1")
    try:
        rows = list(csv.reader(text.splitlines(), skipinitialspace=True))
    except csv.Error as error:
        raise InputError(f"{path} cannot be read", got=str(error)) from None
    lines = {row[0]: tuple(v.strip() for v in row[1:]) for row in rows if len(row) > 1}
    if not rows or rows[-1][:1] != ["EndFile"]:
        raise InputError(f"{path} is truncated", got="no EndFile line", way_out="Copy it again")
    return lines


def _wells(path: Path, lines: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for row in range(_whole(path, lines, "YWells", 1)):
        chosen = lines.get(f"WellsSelection{row + 1}", ())
        for column, word in enumerate(chosen):
            if word.upper() == "TRUE":
                yield well_name(row + 1, column + 1, path)


def _sites(path: Path, lines: Mapping[str, tuple[str, ...]]) -> tuple[int, ...]:
    """The numbers of the sites that were taken, counted along the rows of their grid from 1."""
    if not _true(lines, "Sites"):
        return (1,)
    width, height = (_whole(path, lines, name, 1) for name in ("XSites", "YSites"))
    words = [w for y in range(height) for w in lines.get(f"SiteSelection{y + 1}", ())[:width]]
    return tuple(i + 1 for i, word in enumerate(words) if word.upper() == "TRUE") or (1,)


def _true(lines: Mapping[str, tuple[str, ...]], name: str) -> bool:
    return lines.get(name, ("FALSE",))[0].upper() == "TRUE"


def _whole(
    path: Path,
    lines: Mapping[str, tuple[str, ...]],
    name: str,
    default: int,
    largest: int = _LARGEST_GRID,
) -> int:
    text = lines.get(name, (str(default),))[0]
    if text.isdecimal() and len(text) < 8 and 0 < int(text) <= largest:
        return int(text)
    raise InputError(f"{path} has no valid {name}", got=repr(text[:50]))


def _files(plan: Plan) -> dict[Place, dict[Czt, PlaneFile]]:
    """The TIFFs that are there, by well and site; what is not named as they are is passed over."""
    found: dict[Place, dict[Czt, PlaneFile]] = {}
    for path, t, z in _tiffs(plan.path.parent):
        match = _FILE.search(path.name)
        if match is None or not path.name.lower().startswith(plan.path.stem.lower() + "_"):
            continue
        place = (match["well"].upper(), int(match["site"] or 1))
        czt = (int(match["wave"] or 1) - 1, z, t)
        found.setdefault(place, {})[czt] = PlaneFile(path)
    return found


def _tiffs(folder: Path, t: int = 0, z: int = 0, depth: int = 2) -> Iterator[tuple[Path, int, int]]:
    """Each TIFF with its time point and z step, counted from 0."""
    for path in sorted(folder.iterdir()):
        step = _STEP.match(path.name)
        if step is not None and depth and path.is_dir():
            number = int(step[2]) - 1
            here = (number, z) if step[1].lower() == "timepoint" else (t, number)
            yield from _tiffs(path, *here, depth - 1)
        elif path.suffix.lower() in (".tif", ".tiff"):
            yield path, t, z


def _form(files: Mapping[Place, Mapping[Czt, PlaneFile]]) -> tuple[dict[str, int], np.dtype]:
    """Height, width and type of the first TIFF that can be read; no lengths where there is none."""
    for planes in files.values():
        for file in planes.values():
            shape, dtype = page_form(file)
            if len(shape) == 2:
                return dict(zip("YX", shape, strict=True)), dtype
    return {}, np.dtype(np.uint16)


def _open_site(
    plan: Plan,
    place: Place,
    files: Mapping[Czt, PlaneFile],
    form: tuple[dict[str, int], np.dtype],
    number: int,
) -> ImageOfFiles:
    well, site = place
    sizes = {"T": plan.times, "C": len(plan.channels), "Z": plan.depth, **form[0]}
    axes, shape = plane_axes(sizes, plan.path)
    inside = {
        (c, z, t): file
        for (c, z, t), file in files.items()
        if c < sizes["C"] and z < sizes["Z"] and t < sizes["T"]
    }
    record = AcquisitionRecord(
        channels=tuple(ChannelRecord(name) for name in plan.channels),
        reported=_absent(len(inside), sizes["T"] * sizes["C"] * sizes["Z"]),
    )
    described = Described(
        plan.path,
        f"{well} site {site}",
        axes,
        shape,
        form[1],
        record,
        number,
        WellField(plan.path.stem, well, site),
    )
    original = {name: ", ".join(values) for name, values in plan.lines.items()}
    return SiteImage(described, inside, original)


def _absent(there: int, planned: int) -> tuple[Conflict, ...]:
    if there == planned:
        return ()
    message = f"{planned - there} of {planned} planes have no TIFF file beside the index"
    return (Conflict((), message),)
