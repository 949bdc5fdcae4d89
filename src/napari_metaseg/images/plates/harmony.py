"""Open a Harmony plate: one image per well and field, its planes read from their TIFFs on demand.

A Measurement folder holds `Images/Index.idx.xml` (or `Index.xml`); the index, its folder or the
folder above it can be given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import numpy as np

from napari_metaseg.acquisition.record import Conflict, Field
from napari_metaseg.errors import InputError
from napari_metaseg.images.ome.node import to_number
from napari_metaseg.images.page_file import PlaneFile
from napari_metaseg.images.plates.harmony_index import HarmonyImage, HarmonyIndex, read_index
from napari_metaseg.images.plates.harmony_objective import objective_fields
from napari_metaseg.images.plates.harmony_record import Czt, HarmonyRecords
from napari_metaseg.images.plates.wells import numbered, well_name
from napari_metaseg.images.protocol import ImageSource, WellField
from napari_metaseg.images.without_pixels import (
    Described,
    ImageOfFiles,
    Surroundings,
    plane_axes,
    with_absent,
)

_INDEX_NAMES = ("Index.idx.xml", "Index.xml", "Index.ref.xml")
_ASKED_TIFFS, _TRIED_TIFFS = 500, 3

Place = tuple[int, int, int]
"""Row, column and field."""


def find_index(folder: Path) -> Path | None:
    """The Harmony index of a measurement's folder or of its Images folder, if there is one."""
    places = (folder / name for folder in (folder, folder / "Images") for name in _INDEX_NAMES)
    return next((path for path in places if path.is_file()), None)


def open_harmony(path: Path) -> tuple[ImageSource, ...]:
    """The images of a plate by row, column and field; `path` is its index or a folder.

    Reads the index and the private tag of one TIFF, and no pixels. Raises `InputError` for an index
    that is damaged or leads out of its folder.
    """
    index_path = (find_index(path) or path) if path.is_dir() else path
    index = read_index(index_path)
    places = _by_place(index)
    around = Surroundings(index_path)
    records = HarmonyRecords(index, _objective(index, around))
    return tuple(
        _Field(index, place, images, records, around).open(number)
        for number, (place, images) in enumerate(sorted(places.items()))
    )


def _by_place(index: HarmonyIndex) -> dict[Place, list[HarmonyImage]]:
    places: dict[Place, list[HarmonyImage]] = {}
    for image in index.images:
        places.setdefault((image.row, image.column, image.field), []).append(image)
    return places


class _Field:
    """One field while it is put together."""

    def __init__(
        self,
        index: HarmonyIndex,
        place: Place,
        images: list[HarmonyImage],
        records: HarmonyRecords,
        around: Surroundings,
    ) -> None:
        self.index, self.place, self.images = index, place, images
        self.records, self.around = records, around

    def open(self, number: int) -> ImageOfFiles:
        row, column, field = self.place
        well = well_name(row, column, self.index.path)
        planes, notices = self._planes()
        sizes, dtype, more = self._form(planes)
        axes, shape = plane_axes(sizes, self.index.path)
        files = {
            czt: PlaneFile(self.around.file(name))
            for czt, image in planes.items()
            if (name := image.own.get("URL", ""))
        }
        count = sizes["T"] * sizes["C"] * sizes["Z"]
        record = self.records.record(planes)
        record = with_absent(record, files.values(), count, self.around, (*notices, *more))
        plate = self.index.plate.get("Name") or self.index.plate.get("PlateID") or ""
        name = f"{well} field {field}"
        place = WellField(plate, well, field)
        described = Described(self.index.path, name, axes, shape, dtype, record, number, place)
        return ImageOfFiles(described, files, _Original(self.index, planes))

    def _planes(self) -> tuple[dict[Czt, HarmonyImage], tuple[Conflict, ...]]:
        """The images by channel, z and time as counted from 0, and a notice on doubles."""
        channels = numbered(image.channel for image in self.images)
        depths = numbered(image.plane for image in self.images)
        times = {t: i for i, t in enumerate(sorted({image.time for image in self.images}))}
        planes: dict[Czt, HarmonyImage] = {}
        for image in self.images:
            czt = (channels[image.channel], depths[image.plane], times[image.time])
            planes.setdefault(czt, image)
        doubles = len(self.images) - len(planes)
        if not doubles:
            return planes, ()
        message = f"{doubles} images stand where another one stands; the first of each is shown"
        return planes, (Conflict((), message),)

    def _form(
        self, planes: Mapping[Czt, HarmonyImage]
    ) -> tuple[dict[str, int], np.dtype[np.generic], tuple[Conflict, ...]]:
        """Lengths and type; a notice where channels are of different sizes."""
        counts = Counter((i.channel, id(i.settings)) for i in planes.values())
        images = {(i.channel, id(i.settings)): i for i in planes.values()}
        forms: Counter[tuple[int, int, int]] = Counter()
        for key, image in images.items():
            forms[_form_of(self.index, image)] += counts[key]
        (width, height, brightest), _ = forms.most_common(1)[0]
        if not (width and height):
            raise InputError(f"{self.index.path} does not say how large its images are")
        sizes = {axis: 1 + max(czt[i] for czt in planes) for i, axis in enumerate("CZT")}
        notices = () if len({f[:2] for f in forms}) == 1 else (_SIZES_DIFFER,)
        dtype = np.dtype(np.uint8 if 0 < brightest < 256 else np.uint16)
        return sizes | {"Y": height, "X": width}, dtype, notices


_SIZES_DIFFER = Conflict((), "planes are of different sizes; those of the commonest can be shown")


def _form_of(index: HarmonyIndex, image: HarmonyImage) -> tuple[int, int, int]:
    """Width, height and the largest value that a pixel can have; 0 where it is not stated."""
    settings = index.settings_of(image)
    names = ("ImageSizeX", "ImageSizeY", "MaxIntensity")
    numbers = (to_number(settings.get(name, "")) or 0 for name in names)
    width, height, brightest = (int(number) for number in numbers)
    return width, height, brightest


def _objective(index: HarmonyIndex, around: Surroundings) -> dict[str, Field]:
    """What one of the TIFFs that are there tells of the objective."""
    settings = index.settings_of(index.images[0])
    names = ("ObjectiveMagnification", "ObjectiveNA")
    magnification, na = (to_number(settings.get(name, "")) for name in names)
    asked = index.images[:: 1 + len(index.images) // _ASKED_TIFFS]
    urls = (image.own.get("URL", "") for image in asked)
    paths = (around.file(name) for name in urls if name)
    there = (path for path in paths if around.has(path))
    return objective_fields(islice(there, _TRIED_TIFFS), magnification, na)


class _Original(Mapping[str, str]):
    """What the index says of one field, made into text only when somebody asks."""

    def __init__(self, index: HarmonyIndex, planes: Mapping[Czt, HarmonyImage]) -> None:
        self._plate = {f"Plate/{name}": text for name, text in index.plate.items()}
        self._images = {
            f"Image[{image.own.get('id', '')}]": (image.own, index.settings_of(image))
            for _, image in sorted(planes.items())
        }

    def __getitem__(self, key: str) -> str:
        if key in self._plate:
            return self._plate[key]
        return "\n".join(
            f"{name}: {text} {texts.get(f'{name}@Unit', '')}".rstrip()
            for texts in self._images[key]
            for name, text in texts.items()
            if "@" not in name
        )

    def __iter__(self) -> Iterator[str]:
        yield from self._plate
        yield from self._images

    def __len__(self) -> int:
        return len(self._plate) + len(self._images)
