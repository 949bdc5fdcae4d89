"""What the Acquisition widget does beside its form: copy edits, templates, fields of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Layer

from napari_metaseg.acquisition.fields import CONDITION_FIELDS, FieldSpec
from napari_metaseg.acquisition.project import PROJECT_FILE, write_project
from napari_metaseg.acquisition.record import Value
from napari_metaseg.acquisition.template import (
    Template,
    delete_template,
    list_templates,
    save_template,
)
from napari_metaseg.errors import InputError
from napari_metaseg.plugin import edits, known, layers
from napari_metaseg.plugin.layers import PlaneIndex
from napari_metaseg.plugin.settings import template_folder
from napari_metaseg.plugin.widgets.acquisition_saving import Saving
from napari_metaseg.plugin.widgets.actions import ActionBar
from napari_metaseg.plugin.widgets.save_bar import SaveBar
from napari_metaseg.plugin.words import counted

if TYPE_CHECKING:
    from napari_metaseg.plugin.widgets.acquisition import AcquisitionWidget

_OF_ONE_PLANE = (*edits.PLANE_FIELDS, "pixel_size_um")
_NO_IMAGE = "Open an image first"


class Tools:
    """Joins the action bar, the save bar and the form for a new field to their panel."""

    def __init__(self, panel: AcquisitionWidget) -> None:
        self.panel = panel
        self.actions, self.saving = ActionBar(), Saving(panel)
        panel.lay_out(self.actions, self.saving.foot)
        pairs: tuple[tuple[Any, Any], ...] = (
            (self.actions.undo, panel.undo),
            (self.actions.redo, panel.redo),
            (self.actions.copy_to, self.copy_to),
            (self.actions.apply_template, self.apply_template),
            (self.actions.save_template, self.save_template),
            (self.actions.delete_template, self.delete_template),
            (self.foot.revert_all, self.revert_all),
            (panel.new_field.declared, self.declare_field),
        )
        for signal, slot in pairs:
            signal.connect(slot)

    @property
    def foot(self) -> SaveBar:
        """The bar at the foot of the panel."""
        return self.saving.foot

    @property
    def image(self) -> Layer | None:
        """The image in focus."""
        return self.panel.focus.image

    def refresh(self) -> None:
        """Bring buttons, menus and the unsaved mark in line with the image."""
        history = self.panel.history
        self.actions.show_history(history.can_undo, history.can_redo)
        self._show_targets()
        self.show_templates()
        self.saving.refresh()
        self._show_new_field()

    def _show_targets(self) -> None:
        others = [i for i in self.panel.images if i is not self.image]
        selected = [i for i in others if i in self.panel.viewer.layers.selection]
        stated = self.image is not None and bool(edits.own_edits(self.image))
        reason = "" if stated else "You have not edited this image yet"
        self.actions.show_targets(
            selected, others, reason or ("" if others else "There is no other image")
        )

    def copy_to(self, targets: list[Layer]) -> None:
        """State for other images what was stated here beyond single planes."""
        if self.image is None:
            return
        with self.panel.step([self.image, *targets]):
            count = edits.copy_edits(self.image, targets, self.panel.images)
        self.panel.say(f"Copied your edits to {counted(count, 'image')}.", "good")

    def revert_all(self) -> None:
        """Take every edit of this image back: what the file says shows again."""
        if self.image is not None:
            with self.panel.step([self.image]):
                edits.revert_all(self.image, self.panel.images)
            self.panel.say("Every edit of this image is taken back. Undo brings them back.", "good")

    def show_templates(self) -> None:
        """Offer what templates there are."""
        reason = "" if self.image is not None else _NO_IMAGE
        self.actions.show_templates(list_templates(template_folder()), reason)

    def apply_template(self, template: Template) -> None:
        """State a template's values for the image in focus, as one step."""
        if self.image is None:
            return
        with self.panel.step([self.image]):
            edits.state(self.image, PlaneIndex(), template.values, images=self.panel.images)
        words = counted(len(template.values), "value")
        self.panel.say(f"Noted {words} from the template {template.name}.", "good")

    def save_template(self, name: str) -> None:
        """Keep what is known of the image and its channel, but for planes and the pixel size."""
        if self.image is None:
            return
        values = template_values(self.image)
        try:
            save_template(template_folder(), Template(name, values))
        except InputError as error:
            self.panel.say(str(error), "bad")
            return
        self.show_templates()
        titles = [CONDITION_FIELDS[n].label.lower() if n in CONDITION_FIELDS else n for n in values]
        self.panel.say(f"Kept as template {name}: {', '.join(titles)}.", "good")

    def delete_template(self, name: str) -> None:
        """Forget a template."""
        try:
            delete_template(template_folder(), name)
        except InputError as error:
            self.panel.say(str(error), "bad")
            return
        self.show_templates()
        self.panel.say(f"The template {name} is deleted.", "good")

    def _show_new_field(self) -> None:
        place = self._project_place()
        reason = "" if place else "Fields belong to a project: open an image from a file first."
        self.panel.new_field.offer(f"Written to {place}" if place else "", reason)

    def _project_place(self) -> Path | None:
        if self.panel.project.path is not None:
            return self.panel.project.path
        path = str(layers.info(self.image).get("path", "")) if self.image is not None else ""
        folder = Path(path).parent
        return folder / PROJECT_FILE if path and folder.is_dir() else None

    def declare_field(self, spec: FieldSpec) -> None:
        """Write a field of the user's own into the project's file, and show it as a row."""
        place = self._project_place()
        if place is None:
            return
        try:
            write_project(place, [*self.panel.project.fields.values(), spec])
        except InputError as error:
            self.panel.say(str(error), "bad")
            return
        self.panel.new_field.clear()
        self.panel.load_project()
        self.panel.refresh()
        self.panel.say(f"{spec.name} is now a field of the images below {place.parent}.", "good")


def template_values(image: Layer) -> dict[str, Value]:
    """What is known of the image and channel, as stated by the file or the user."""
    found = known.condition_fields(image)
    chosen = {n: f for n, f in found.items() if n not in _OF_ONE_PLANE}
    return {n: f.value for n, f in chosen.items() if f.value is not None and f.source != "inferred"}
