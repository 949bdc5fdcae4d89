"""Which file holds the mask of an image: by a pattern, or by the usual names."""

from __future__ import annotations

import glob
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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
    _stems: dict[Path, dict[str, list[Path]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Refuse a pattern that cannot be one."""
        try:
            parts = list(string.Formatter().parse(self.pattern))
        except ValueError as error:
            raise self._wrong(str(error)) from None
        for _, name, spec, conversion in parts:
            if name is not None and (name not in _PLACES or spec or conversion):
                raise self._wrong(f"{{{name}}}")
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
        usual = (self._named(path, *where) for where in _usual(path))
        return next(filter(None, usual), None) or _own_labels(path)

    def _matches(self, path: Path, pattern: str) -> Iterator[Path]:
        for folder in dict.fromkeys((path.parent, self.root)):
            texts = glob.glob(str(Path(glob.escape(str(folder))) / pattern), recursive=True)  # noqa: PTH207
            yield from (Path(t) for t in sorted(texts) if not _same(Path(t), path))

    def _named(self, path: Path, folder: Path, stem: str) -> tuple[Path, ...]:
        if folder not in self._stems:
            self._stems[folder] = _by_stem(folder)
        alike = [p for p in self._stems[folder].get(stem.casefold(), ()) if not _same(p, path)]
        return tuple(p for p in alike if plain_stem(p) == stem) or tuple(alike)


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    """The images of a folder by their stem in small letters: looked at once, as they are many."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.lower().endswith((*_IMAGE_SUFFIXES, ".zarr")):
            found.setdefault(plain_stem(path).casefold(), []).append(path)
    return found


def _own_labels(path: Path) -> tuple[Path, ...]:
    """The labels within an OME-Zarr image."""
    folder = path / "labels"
    return tuple(sorted(p for p in folder.iterdir() if p.is_dir())) if folder.is_dir() else ()


def kind_of(mask: Path) -> LabelKind:
    """What a mask's name says of its numbers: classes, or instances."""
    return "classes" if plain_stem(mask).lower().endswith("_classes") else "instances"


def looks_like_mask(path: Path) -> bool:
    """Whether a file is named like a mask."""
    named = plain_stem(path).lower().endswith(_ENDINGS)
    return named or path.parent.name.lower() in _FOLDERS


def _usual(path: Path) -> Iterator[tuple[Path, str]]:
    """The folders and stems that a mask of an image usually has, the likeliest first."""
    here, stem = path.parent, plain_stem(path)
    yield from ((here, f"{stem}{ending}") for ending in _ENDINGS)
    for place in (here, here.parent):
        for folder in _FOLDERS:
            yield from ((place / folder, f"{stem}{ending}") for ending in ("", *_ENDINGS))


def _same(a: Path, b: Path) -> bool:
    return a.resolve() == b.resolve()
