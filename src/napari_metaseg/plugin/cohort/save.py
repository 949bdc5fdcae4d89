"""Saving what was stated of a cohort's images beside each of them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from napari_metaseg.acquisition.statements import Statements
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, Progress
from napari_metaseg.images.sidecar import write_sidecar
from napari_metaseg.plugin import saved
from napari_metaseg.plugin.cohort.entries import Entry, FileEntry, LayerEntry
from napari_metaseg.plugin.words import counted


@dataclass(frozen=True)
class Pending:
    """What is to be written for one image; `done` marks it as saved, in the window."""

    path: Path
    scene: str
    stated: Statements
    done: Callable[[], None]


@dataclass(frozen=True)
class SavedBeside:
    """The images that were saved (the window still has to mark them so), and what went wrong."""

    images: tuple[Pending, ...]
    problems: tuple[str, ...]

    @property
    def words(self) -> str:
        """Both as a sentence."""
        told = f"Saved beside {counted(len(self.images), 'image')}."
        return f"{told} Not saved: {self.problems[0]}" if self.problems else told


def unsaved_images(entries: Sequence[Entry]) -> list[Pending]:
    """The images with edits that are not saved yet, each once."""
    return [*_unsaved_files(entries), *_unsaved_layers(entries)]


def _unsaved_files(entries: Sequence[Entry]) -> list[Pending]:
    images = dict.fromkeys(e.image for e in entries if isinstance(e, FileEntry) and e.image.unsaved)
    return [Pending(i.path, i.scene, i.stated, i.mark_saved) for i in images]


def _unsaved_layers(entries: Sequence[Entry]) -> list[Pending]:
    found: dict[tuple[Path, str], Pending] = {}
    own = [e for e in entries if isinstance(e, LayerEntry)]
    images = [e.layer for e in own]
    for entry in own:
        if entry.path is None or not entry.path.exists() or not saved.unsaved_count(entry.layer):
            continue
        key = (entry.path, entry.scene)
        if key not in found:
            stated = saved.whole_statements(entry.layer, images)
            found[key] = Pending(*key, stated, partial(saved.mark_saved, entry.layer, images))
    return list(found.values())


def save_images(
    images: Sequence[Pending], token: CancelToken
) -> Generator[Progress, None, SavedBeside]:
    """Write a sidecar for each image; one that cannot be written stops none of the others."""
    problems: list[str] = []
    written: list[Pending] = []
    for done, image in enumerate(images):
        token.raise_if_cancelled()
        yield Progress(done, len(images), image.path.name)
        try:
            write_sidecar(image.path, {image.scene: image.stated})
        except (InputError, OSError) as error:
            problems.append(str(error))
            continue
        written.append(image)
    return SavedBeside(tuple(written), tuple(problems))
