"""How the Acquisition widget saves: beside the image, in a copy, or in the file itself."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Layer

from napari_metaseg.errors import InputError
from napari_metaseg.events import Progress
from napari_metaseg.images.sidecar import sidecar_path
from napari_metaseg.plugin import edits, layers, saved, saving
from napari_metaseg.plugin.widgets.save_bar import SaveBar
from napari_metaseg.plugin.words import counted

if TYPE_CHECKING:
    from napari_metaseg.plugin.widgets.acquisition import AcquisitionWidget

_NO_IMAGE = "Open an image first"


class Saving:
    """Joins the save bar to its panel."""

    def __init__(self, panel: AcquisitionWidget) -> None:
        self.panel, self.foot = panel, SaveBar()
        self.foot.save_beside.connect(self.save_beside)
        self.foot.save_copy.connect(self.save_copy)
        self.foot.write_into.connect(self.write_into)
        self.foot.cancelled.connect(panel.cancel)

    @property
    def image(self) -> Layer | None:
        """The image in focus."""
        return self.panel.focus.image

    def refresh(self) -> None:
        """Bring the bar in line with the image: what is unsaved, and why something cannot be."""
        image = self.image
        path = _path_of(image)
        count = 0 if image is None else self._unsaved(image)
        revert = "" if image is not None and edits.is_edited(image) else "There is no edit"
        busy = "Wait for the work under way, or cancel it" if self.panel.busy else ""
        no_file = _NO_IMAGE if image is None else "" if path else "This image is not from a file"
        beside = no_file or ("" if count else "Nothing to save: there is no new edit")
        into = saving.why_not_into(path)
        self.foot.block(busy or beside, busy or no_file, busy or no_file or into, revert)
        self._show_state(path, count, saved_before=image is not None and self._has_saved(image))
        if path is not None:
            self.foot.offer(saving.copy_place(path), backup_words(path))

    def _unsaved(self, image: Layer) -> int:
        same = edits.companions(image, self.panel.images)
        shared = saved.unsaved_count(image)
        return shared + sum(saved.unsaved_in_channel(la) for la in same if la is not image)

    def _has_saved(self, image: Layer) -> bool:
        return any(layers.info(image).get("saved", {}).values())

    def _show_state(self, path: Path | None, count: int, *, saved_before: bool) -> None:
        if count:
            text = f"● {counted(count, 'edit')} not saved"
        elif saved_before and path is not None:
            own = self.image is not None and layers.info(self.image).get("saved_in") == saved.FILE
            text = f"✓ Saved in {path.name if own else sidecar_path(path).name}"
        else:
            text = "No edits"
        tip = "" if path is None else f"Your edits go to {sidecar_path(path)}"
        self.foot.show_state(text, unsaved=bool(count), tip=tip)

    def save_beside(self) -> None:
        """Write the edits into the sidecar beside the image."""
        if self.image is None:
            return
        try:
            written = saved.save_beside(self.image, self.panel.images)
        except (InputError, OSError) as error:
            self.panel.say(f"Not saved: {error}", "bad")
            return
        self.panel.refresh()
        if written.exists():
            self.panel.say(f"Saved in {written}. It is read when you open the image again.", "good")
        else:
            self.panel.say("Nothing is stated any more, so the file beside is gone.", "good")

    def save_copy(self, out: Path) -> None:
        """Save a copy with everything that is known, in the background."""
        self._start(f"Saving {out.name} …", lambda task: partial(saving.copy_work, task, out))

    def write_into(self) -> None:
        """Write the record into the file itself, in the background."""
        self._start("Writing …", lambda task: partial(saving.write_work, task))

    def _start(self, words: str, work: Any) -> None:
        if self.image is None or self.panel.busy:
            return
        try:
            task = saving.save_task(self.image, self.panel.images)
        except InputError as error:
            self.panel.say(str(error), "bad")
            return
        self.foot.fold()
        self.foot.progress.begin(words)
        self.panel.say(words, "busy")
        self.panel.run_job(work(task))
        self.refresh()

    def on_event(self, event: object) -> None:
        """How far the saving is."""
        if isinstance(event, Progress):
            self.foot.progress.update_progress(
                event.done, event.total, event.message, event.seconds_left
            )

    def on_result(self, result: object) -> None:
        """Say what was saved."""
        if isinstance(result, tuple):
            kind, path = result
            if kind == "file" and self.image is not None:
                saved.mark_saved(self.image, self.panel.images, saved.FILE)
            words = (
                f"Saved the copy {path}."
                if kind == "copy"
                else (f"Written into the file. The original is kept as {path}.")
            )
            self.panel.say(words, "good")

    def on_finished(self, outcome: str) -> None:
        """The saving is over."""
        self.foot.progress.end()
        if outcome == "stopped":
            self.panel.say("Stopped. Nothing was written.", "warn")
        self.refresh()


def _path_of(image: Layer | None) -> Path | None:
    path = str(layers.info(image).get("path", "")) if image is not None else ""
    return Path(path) if path and Path(path).exists() else None


def backup_words(path: Path) -> str:
    """What is said before the file is changed."""
    return (
        f"The metadata in {path.name} will say what is shown here. The pixels stay as they are, "
        f"and the original is kept beside it as {path.name}.backup (numbered if there is one)."
    )
