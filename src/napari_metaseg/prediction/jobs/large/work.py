"""The working folder of one large image: what is computed so far, and whether it can be used."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

from napari_metaseg.datasets.normalise import Levels
from napari_metaseg.errors import InputError
from napari_metaseg.prediction.jobs.large.grid import DiskGrid
from napari_metaseg.prediction.jobs.large.journal import Journal
from napari_metaseg.prediction.jobs.large.plane import LargePlane
from napari_metaseg.prediction.jobs.made_with import digest_of
from napari_metaseg.prediction.jobs.plan import ImageTask
from napari_metaseg.prediction.jobs.results import Content
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.tiling import Place

_SPARE = 1.1


@dataclass(frozen=True)
class Objects:
    """What was found in a plane: `checksum` is that of its labels."""

    content: Content
    notices: tuple[str, ...]
    checksum: int


class LargeWork:
    """What is known and computed of a large image, plane by plane, in a folder beside its results.

    It is that of the same image, metadata, model and settings, or empty.
    """

    def __init__(self, predictor: Predictor, task: ImageTask, out: Path) -> None:
        self._predictor, self._task = predictor, task
        self.folder = out / f".{task.stem}.work"
        self._check_space(out)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._journal = Journal(self.folder / "journal.jsonl", _key(predictor, task))

    def plane(self, number: int) -> LargePlane:
        """The arrays of a plane; what is not `done` of them means nothing."""
        said, labels = self._shapes(number)
        return LargePlane(
            self._task.shape,
            DiskGrid(self.folder / f"{number}.said", said, "float32"),
            DiskGrid(self.folder / f"{number}.labels", labels, "int32"),
            has_depth=self._predictor.package.manifest.objects != "mask",
        )

    def levels(self, number: int) -> Levels | None:
        """What normalises a plane, if it was measured."""
        found = self._journal.last(number, "levels")
        return None if found is None else tuple((low, span) for low, span in found)

    def add_levels(self, number: int, levels: Levels) -> None:
        """Remember what normalises a plane."""
        self._journal.add({"plane": number, "levels": levels})

    def tiles(self, number: int) -> dict[tuple[int, ...], int]:
        """The tiles of a plane that were written, with their checksums."""
        entries = self._journal.entries
        return {
            tuple(e["tile"]): e["checksum"]
            for e in entries
            if e.get("plane") == number and "tile" in e
        }

    def add_tile(self, number: int, place: Place, checksum: int) -> None:
        """Remember that a tile is written."""
        entry = {"plane": number, "tile": edges(place), "checksum": checksum}
        self._journal.add(entry)

    def notices(self, number: int) -> tuple[str, ...] | None:
        """What was to be said of a plane once all its tiles were there; None before."""
        found = self._journal.last(number, "predicted")
        return None if found is None else tuple(found)

    def add_notices(self, number: int, notices: Sequence[str]) -> None:
        """Remember that all tiles of a plane are there."""
        self._journal.add({"plane": number, "predicted": list(notices)})

    def objects(self, number: int) -> Objects | None:
        """What was found in a plane, once its labels are there."""
        found = self._journal.last(number, "objects")
        if found is None:
            return None
        content = Content(**found["content"])
        return Objects(content, tuple(found["notices"]), found["checksum"])

    def add_objects(self, number: int, objects: Objects) -> None:
        """Remember that the labels of a plane are there."""
        self._journal.add({"plane": number, "objects": asdict(objects)})

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _shapes(self, number: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The shape of what networks say of a plane, and of its labels."""
        manifest, shape = self._predictor.package.manifest, self._task.shape
        count = manifest.network.out_channels if manifest.objects == "mask" else 2
        condition = self._task.conditions[number]
        seen = self._predictor.shape_seen((manifest.input_channels, *shape), condition)
        return (count, *seen), shape

    def _check_space(self, out: Path) -> None:
        """Raise `InputError` where the disk has no room for the work and its results."""
        planes = range(len(self._task.planes))
        said = sum(4 * prod(self._shapes(number)[0]) for number in planes)
        labels = 4 * self._task.pixels
        # Results are packed: probabilities little, numbers well.
        needed = int(_SPARE * (2 * said + 1.5 * labels)) - _taken(self.folder)
        free = shutil.disk_usage(_existing(out)).free
        if free < needed:
            raise InputError(
                f"the disk is too full to segment {self._task.row.name}",
                got=f"{_gigabytes(needed)} needed, {_gigabytes(free)} free at {out}",
                way_out="Free some space, or choose a folder on another disk",
            )


def edges(place: Place) -> tuple[int, int, int, int]:
    """First and last rows and columns as numbers."""
    rows, columns = place
    return int(rows.start), int(rows.stop), int(columns.start), int(columns.stop)


def _key(predictor: Predictor, task: ImageTask) -> str:
    """What changes with the image, its metadata, the model and the settings."""
    settings = (predictor.device.type, str(predictor.dtype), predictor.gates, predictor.engine)
    return digest_of(predictor.package.manifest, *settings, task.to_json())


def _taken(folder: Path) -> int:
    """The room that files in a folder take, of which some may be mostly holes."""
    if not folder.is_dir():
        return 0
    found: list[Any] = [path.stat() for path in folder.iterdir()]
    return sum(512 * getattr(stat, "st_blocks", 0) for stat in found)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
