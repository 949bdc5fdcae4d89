"""What was finished before is not computed again: a note per image beside its results."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from napari_metaseg.events import CancelToken, Event
from napari_metaseg.files import atomic_path
from napari_metaseg.images.stamps import size_of
from napari_metaseg.prediction.jobs.one_image import predict_image
from napari_metaseg.prediction.jobs.plan import ImageTask
from napari_metaseg.prediction.jobs.results import PredictionEntry
from napari_metaseg.prediction.predictor import Predictor

FOLDER = ".metaseg"
"""The hidden folder among the results that holds the notes."""
_ABOUT = """\
Of what each image here was made: its files, metadata, model and settings. While that is the same,
'metaseg predict' does not compute the image again. Without these notes it does.
"""


@dataclass(frozen=True)
class _Note:
    """`made_of` is the digest of image, metadata, model and settings; `bytes` by result."""

    made_of: str
    bytes: Mapping[str, int | None]
    entry: PredictionEntry


@dataclass(frozen=True)
class FinishedImages:
    """The images that are finished in the folder `out`; `made_with` tells model and settings."""

    out: Path
    made_with: str

    def prepare(self) -> None:
        """Make the folders; raises `InputError` where nothing can be written."""
        with atomic_path(self.out / FOLDER / "about.txt") as temporary:
            temporary.write_text(_ABOUT, encoding="utf-8")

    def get(self, task: ImageTask) -> PredictionEntry | None:
        """What was written for the task, if that is what would be written now.

        So it is where image, metadata, model and settings are the same, and the results are there
        and of the size that they had.
        """
        try:
            note = _adapter().validate_json(self._path(task).read_bytes())
        except (OSError, ValidationError):
            return None
        same = note.made_of == self._made_of(task) and note.bytes == self._bytes(note.entry)
        return note.entry if same else None

    def add(self, task: ImageTask, entry: PredictionEntry) -> None:
        """Note that the results of a task stand in their place."""
        note = _Note(self._made_of(task), self._bytes(entry), entry)
        with atomic_path(self._path(task)) as temporary:
            temporary.write_bytes(_adapter().dump_json(note))

    def _path(self, task: ImageTask) -> Path:
        return self.out / FOLDER / f"{task.stem}.json"

    def _made_of(self, task: ImageTask) -> str:
        return sha256(f"{self.made_with} {task.digest}".encode()).hexdigest()

    def _bytes(self, entry: PredictionEntry) -> dict[str, int | None]:
        names = (entry.labels, entry.classes, entry.probability)
        return {name: size_of(self.out / name) for name in names}


@cache
def _adapter() -> TypeAdapter[_Note]:
    return TypeAdapter(_Note)


def predict_and_note(
    predictor: Predictor, task: ImageTask, finished: FinishedImages, token: CancelToken
) -> Generator[Event, None, PredictionEntry]:
    """Predict one image as `predict_image` does, and note that it is finished."""
    entry = yield from predict_image(predictor, task, finished.out, token)
    finished.add(task, entry)
    return entry
