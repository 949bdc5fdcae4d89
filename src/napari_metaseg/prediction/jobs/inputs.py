"""Which images the words on a command line stand for, and what to call their results."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from napari_metaseg.acquisition.cohort import CohortRow, read_cohort
from napari_metaseg.datasets.stored import opened_scenes
from napari_metaseg.errors import InputError
from napari_metaseg.images.indexes import folder_index

_IMAGE_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".nd2", ".lif", ".czi")
_TABLE_SUFFIXES = (".csv", ".parquet")
_NO_WORD = re.compile(r"[^\w.+-]+")
"""What a scene's name may hold and a file's name on some system may not, and spaces."""
_RESULT_ENDINGS = ("_labels", "_classes", "_probability")


def resolve_inputs(inputs: Sequence[str], *, extra_fields: Sequence[str] = ()) -> list[CohortRow]:
    """A row per image of the files, folders, glob patterns and cohort tables in `inputs`.

    Of a plate (its folder, its index or an OME-Zarr) every field of a well is a row. Results of an
    earlier prediction that lie in a folder are passed over. Raises `InputError` for an input that
    stands for no image, and for a plate that cannot be opened.
    """
    rows = [row for text in inputs for row in _rows(text, extra_fields)]
    return list({(str(r.image.resolve()), r.scene, r.z, r.t): r for r in rows}.values())


def _rows(text: str, extra_fields: Sequence[str]) -> list[CohortRow]:
    path = Path(text)
    if path.is_file() and path.suffix.lower() in _TABLE_SUFFIXES:
        return list(read_cohort(path, extra_fields=extra_fields))
    if path.is_file() or _is_image_folder(path):
        return _rows_of(path)
    if path.is_dir():
        found, what = sorted(_images_in(path)), f"the folder {text} holds no images"
    else:
        matches = (Path(p) for p in glob.glob(text, recursive=True))  # noqa: PTH207
        found = sorted(p for p in matches if p.is_file() or _is_image_folder(p))
        what = f"no image at {text}"
    if not found:
        endings = ", ".join(_IMAGE_SUFFIXES)
        raise InputError(what, way_out=f"Give an image ({endings}), a folder, a pattern or a table")
    return [row for path in found for row in _rows_of(path)]


def _rows_of(path: Path) -> list[CohortRow]:
    """One row, or one for every field of a plate."""
    if path.suffix.lower() in _IMAGE_SUFFIXES and path.is_file():
        return [CohortRow(image=path)]
    images = opened_scenes(path)
    if images[0].position is None:
        return [CohortRow(image=path)]
    return [
        CohortRow(image=i.path, scene=i.name, sample=f"{stem_of(_plate_of(i.path))} {i.name}")
        for i in images
    ]


def is_store(path: Path) -> bool:
    """Whether a folder is an image itself: an OME-Zarr."""
    return path.is_dir() and folder_index(path) == "zarr"


def _is_image_folder(path: Path) -> bool:
    """Whether a folder is an image or a plate."""
    return path.is_dir() and folder_index(path) is not None


def _images_in(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        is_image = path.suffix.lower() in _IMAGE_SUFFIXES and path.is_file()
        if (is_image or _is_image_folder(path)) and not stem_of(path).endswith(_RESULT_ENDINGS):
            yield path


def _plate_of(path: Path) -> Path:
    """The folder of a plate, which tells plates apart: their indexes are named alike."""
    folder = path.resolve() if path.is_dir() else path.resolve().parent
    return folder.parent if folder.name == "Images" else folder


def stem_of(path: Path) -> str:
    """The file name without its endings: `a.ome.tif` is `a`."""
    name = path.name
    for ending in (".ome.tiff", ".ome.tif", ".ome.zarr", path.suffix):
        if ending and name.lower().endswith(ending.lower()):
            return name[: -len(ending)]
    return name


def result_stems(rows: Sequence[CohortRow]) -> list[str]:
    """A stem for the results of each row; equal ones take their parent folder's name before them.

    A field of a plate is named after plate, well and field. Scenes of one file take their own names
    after it; what is still equal is numbered.
    """
    stems = _with_plane(rows, [_first_stem(row) for row in rows])
    counts = Counter(stems)
    stems = [
        f"{_place_of(row).parent.name}_{stem}" if counts[stem] > 1 else stem
        for row, stem in zip(rows, stems, strict=True)
    ]
    counts = Counter(stems)
    stems = [
        f"{stem}_{_as_word(row.scene)}" if counts[stem] > 1 and _scene_of_file(row) else stem
        for row, stem in zip(rows, stems, strict=True)
    ]
    return _numbered(stems)


def _first_stem(row: CohortRow) -> str:
    if _is_field(row):
        return f"{_as_word(stem_of(_place_of(row)))}_{_as_word(row.scene)}"
    return stem_of(row.image)


def _is_field(row: CohortRow) -> bool:
    """Whether a row is one image of a plate, or of another index or folder of many."""
    return bool(row.scene) and row.image.suffix.lower() not in _IMAGE_SUFFIXES


def _scene_of_file(row: CohortRow) -> bool:
    return bool(row.scene) and not _is_field(row)


def _place_of(row: CohortRow) -> Path:
    """What a row's results are named after, and its folder where that is not enough."""
    return _plate_of(row.image) if _is_field(row) else row.image.resolve()


def _as_word(name: str) -> str:
    return _NO_WORD.sub("-", name)


def _numbered(stems: Sequence[str]) -> list[str]:
    """Equal stems with numbers after them that make no stem which is there already."""
    counts = Counter(stems)
    taken, names = {stem for stem in stems if counts[stem] == 1}, []
    for stem in stems:
        numbers = (f"{stem}_{n}" for n in count(1))
        names.append(
            stem if counts[stem] == 1 else next(name for name in numbers if name not in taken)
        )
        taken.add(names[-1])
    return names


def _with_plane(rows: Sequence[CohortRow], stems: Sequence[str]) -> list[str]:
    parts = ((("z", r.z), ("t", r.t)) for r in rows)
    suffixes = ["".join(f"_{n}{i}" for n, i in pair if i is not None) for pair in parts]
    return [stem + suffix for stem, suffix in zip(stems, suffixes, strict=True)]
