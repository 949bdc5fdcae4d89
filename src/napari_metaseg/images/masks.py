"""Which file holds the mask of an image: by a pattern, or by the usual names."""

from __future__ import annotations

import glob
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_metaseg.acquisition.cohort import LabelKind
from napari_metaseg.errors import InputError
from napari_metaseg.images.protocol import ImageSource, plain_stem

_PLACES = ("stem", "name", "parent", "scene", "well", "field")
_ENDINGS = ("_labels", "_label", "_mask", "_masks", "_classes", "_seg", "_gt")
_FOLDERS = ("labels", "masks", "annotations")
_IMAGE_SUFFIXES = (".tif", ".tiff", ".png")


@dataclass(frozen=True)
class MaskFinder:
    """Finds masks below `root` by `pattern`, or by the usual names where it is empty.

    A pattern is a path relative to the image's folder or to `root`, with `*` and `?` as in a shell
    and the places {stem}, {name} (with its ending), {parent} (the folder's name), {scene}, {well}
    and {field}; for instance "masks/{stem}_mask.tif".
    """

    root: Path
    pattern: str = ""

    def __post_init__(self) -> None:
        """Refuse a pattern that cannot be one."""
        try:
            parts = list(string.Formatter().parse(self.pattern))
        except ValueError as error:
            raise self._wrong(str(error)) from None
        unknown = [name for _, name, _, _ in parts if name is not None and name not in _PLACES]
        if unknown:
            raise self._wrong(f"{{{unknown[0]}}}")
        if self.pattern and not any(name for _, name, _, _ in parts):
            raise self._wrong("the same files for every image")

    def _wrong(self, got: str) -> InputError:
        places = ", ".join(f"{{{name}}}" for name in _PLACES)
        return InputError(
            f"cannot match masks by the pattern {self.pattern!r}",
            got=got,
            way_out=f"Use at least one of {places}, such as 'masks/{{stem}}_mask.tif'",
        )

    def candidates(self, path: Path) -> tuple[Path, ...]:
        """The files that may be masks of a file, whatever its scenes."""
        return self._find(path, {"scene": "*", "well": "*", "field": "*"})

    def find(self, image: ImageSource) -> tuple[Path, ...]:
        """The masks of one image: usually one or none; several where the pattern fits several."""
        place = image.position
        own = {"scene": image.name, "well": place.well, "field": str(place.field)} if place else {}
        values = {"scene": image.name, "well": "", "field": ""} | own
        return self._find(image.path, {name: glob.escape(v) for name, v in values.items()})

    def _find(self, path: Path, values: Mapping[str, str]) -> tuple[Path, ...]:
        names = {"stem": plain_stem(path), "name": path.name, "parent": path.parent.name}
        filled = {name: glob.escape(value) for name, value in names.items()} | dict(values)
        if self.pattern:
            found = dict.fromkeys(self._matches(path, self.pattern.format(**filled)))
            return tuple(found)
        return next(filter(None, (self._usual(path, p) for p in _usual_patterns(filled))), ())

    def _matches(self, path: Path, pattern: str) -> Iterator[Path]:
        for folder in dict.fromkeys((path.parent, self.root)):
            texts = glob.glob(str(Path(glob.escape(str(folder))) / pattern), recursive=True)  # noqa: PTH207
            yield from (Path(t) for t in sorted(texts) if not _same(Path(t), path))

    def _usual(self, path: Path, pattern: str) -> tuple[Path, ...]:
        folder = glob.escape(str(path.parent))
        found = (Path(text) for text in sorted(glob.glob(str(Path(folder) / pattern))))  # noqa: PTH207
        return tuple(p for p in found if _is_image_name(p) and not _same(p, path))


def kind_of(mask: Path) -> LabelKind:
    """What a mask's name says of its numbers: classes, or instances."""
    return "classes" if plain_stem(mask).lower().endswith("_classes") else "instances"


def looks_like_mask(path: Path) -> bool:
    """Whether a file is named like a mask."""
    named = plain_stem(path).lower().endswith(_ENDINGS)
    return named or path.parent.name.lower() in _FOLDERS


def _usual_patterns(values: Mapping[str, str]) -> Iterator[str]:
    stem = values["stem"]
    for ending in _ENDINGS:
        yield f"{stem}{ending}.*"
    for folder in (*_FOLDERS, *(f"../{name}" for name in _FOLDERS)):
        yield f"{folder}/{stem}.*"
        yield from (f"{folder}/{stem}{ending}.*" for ending in _ENDINGS)


def _is_image_name(path: Path) -> bool:
    return path.name.lower().endswith((*_IMAGE_SUFFIXES, ".zarr"))


def _same(a: Path, b: Path) -> bool:
    return a.resolve() == b.resolve()
