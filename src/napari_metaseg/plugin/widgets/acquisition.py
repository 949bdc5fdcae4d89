"""The Acquisition widget: how the image in focus was taken, where each value is from, edits."""

from __future__ import annotations

from functools import partial
from typing import Any

from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut

from napari_metaseg.acquisition.fields import CONDITION_FIELDS, FIELD_SPECS, FieldSpec
from napari_metaseg.acquisition.project import Project
from napari_metaseg.acquisition.record import Conflict
from napari_metaseg.errors import InputError
from napari_metaseg.plugin import calibration, edits, facts, known, layers
from napari_metaseg.plugin.history import Snapshot, snapshot
from napari_metaseg.plugin.planes import PlaneSheet
from napari_metaseg.plugin.widgets.acquisition_tools import Tools
from napari_metaseg.plugin.widgets.details import Details
from napari_metaseg.plugin.widgets.edit_step import EditStep
from napari_metaseg.plugin.widgets.field_grid import FieldGrid
from napari_metaseg.plugin.widgets.fields import FieldRow
from napari_metaseg.plugin.widgets.frame import Panel, plane_words
from napari_metaseg.plugin.widgets.new_field import NewField
from napari_metaseg.plugin.widgets.parts import Section, card, label
from napari_metaseg.plugin.widgets.plane_table import PlaneTable
from napari_metaseg.plugin.words import plain

IMAGE_ROWS = ("magnification", "pixel_size_um", "immersion")
CHANNEL_ROWS = ("modality", "exposure_ms")
PLANE_ROWS = ("plane_offset_um", "in_focus", "plane")
OME_ROWS = (
    *("objective_nominal_magnification", "lens_na", "refractive_index"),
    *("pixel_size_y_um", "pixel_size_z_um"),
    *("contrast_method", "illumination_type", "acquisition_mode"),
    *("excitation_nm", "emission_nm", "binning"),
)
MAIN_ROWS = (*IMAGE_ROWS, *CHANNEL_ROWS)


class AcquisitionWidget(Panel):
    """Shows and edits what is known of the image in focus and of the plane that is shown."""

    title = "Acquisition"

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.history = self.workspace.history
        self.project = Project()
        self._seen: dict[Layer, Snapshot] = {}
        self.editing = False
        self._build()
        self.tools = Tools(self)
        self._connect_signals()
        self._on_layer()

    def _build(self) -> None:
        self._image_grid = FieldGrid(CONDITION_FIELDS[n] for n in IMAGE_ROWS)
        self._free_grid = FieldGrid()
        self._channel_grid = FieldGrid(CONDITION_FIELDS[n] for n in CHANNEL_ROWS)
        self._plane_grid = FieldGrid(CONDITION_FIELDS[n] for n in PLANE_ROWS)
        # Made in the order that they stand in, which is that of the Tab key.
        self.planes = PlaneTable(PlaneSheet(None, (), self.history))
        self._ome_grid = FieldGrid(FIELD_SPECS[n] for n in OME_ROWS)
        self.grids = (
            *(self._image_grid, self._free_grid, self._channel_grid),
            *(self._plane_grid, self._ome_grid),
        )
        self._channel_title, self._plane_title = label("", "section"), label("", "section")
        self.conflicts = label("", "warn", wrap=True)
        self._conflict_card = card(label("These do not fit together", "section"), self.conflicts)
        self.new_field, self.details = NewField(), Details()
        self._planes_section = Section("All planes", self.planes, open_=True)

    def lay_out(self, actions: Any, foot: Any) -> None:
        """Put the parts in their places, between the actions and the foot that the tools made."""
        self.body.addWidget(actions)
        self.body.addWidget(self._conflict_card)
        self.body.addWidget(label("Whole image", "section"))
        for widget in (self._image_grid, self._free_grid, self._channel_title):
            self.body.addWidget(widget)
        for widget in (self._channel_grid, self._plane_title, self._plane_grid):
            self.body.addWidget(widget)
        self.body.addWidget(self._planes_section)
        self.body.addWidget(Section("Objective and channel", self._ome_grid))
        self.body.addWidget(Section("A field of your own", self.new_field))
        self.body.addWidget(Section("More from the file", self.details))
        self.body.addStretch(1)
        self.footer.addWidget(foot)

    def _connect_signals(self) -> None:
        self.focus.layer_changed.connect(self._on_layer)
        self.focus.plane_changed.connect(self._on_plane)
        self.focus.record_changed.connect(self._on_record)
        self.focus.layers_changed.connect(self.refresh)
        for number, grid in enumerate(self.grids):
            grid.edited.connect(self.edit)
            grid.left.connect(partial(self._focus_after, number))
        self.planes.chosen.connect(self._go_to)
        self.planes.refused.connect(self._refuse)
        self.planes.edited.connect(self._on_planes_edited)
        for keys, slot in (("Ctrl+Z", self.undo), ("Ctrl+Shift+Z", self.redo)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(slot)

    def _focus_after(self, number: int) -> None:
        """Go on with the next grid that can be seen; after the last, with the first."""
        following = (*self.grids[number + 1 :], *self.grids[: number + 1])
        next(
            grid for grid in following if (grid.rows and grid.isVisible()) or grid is following[-1]
        ).focus_first()

    @property
    def rows(self) -> dict[str, FieldRow]:
        """Every row by its field."""
        return {name: row for grid in self.grids for name, row in grid.rows.items()}

    @property
    def images(self) -> list[Any]:
        """The image layers of the viewer."""
        return layers.image_layers(self.viewer)

    @property
    def specs(self) -> dict[str, FieldSpec]:
        """Every field that the form can show."""
        return {**FIELD_SPECS, **facts.free_specs(self.focus.image, self.project)}

    def edit(self, name: str, text: str) -> None:
        """State a field as typed; says in the status line what came of it."""
        image = self.focus.image
        if image is None:
            return
        try:
            with self.step([image]):
                edits.edit(
                    *(image, self.focus.plane, name, text),
                    images=self.images,
                    specs=self.project.fields,
                )
        except InputError as error:
            self.rows[name].editor.mark(bad=True)
            self.say(plain(str(error)), "bad")
            return
        self.say(self._what_happened(image, name), "good")

    def step(self, targets: list[Layer]) -> Any:
        """One step to undo, in these layers and their companions; the form follows at its end."""
        return EditStep(self, targets)

    def _what_happened(self, image: Layer, name: str) -> str:
        title = self.specs[name].label if name in self.specs else name
        if name not in edits.own_edits(image, self.focus.plane):
            return f"{title}: your edit is taken back."
        where = {"image": "", "channel": " for this channel", "plane": " for this plane"}
        level = edits.level_of(image, self.focus.plane, name)
        only = (
            where[level]
            if level == "plane" or len(edits.companions(image, self.images)) > 1
            else ""
        )
        extra = ", and scaled the layer to match" if name in calibration.AXES_OF else ""
        return f"Noted {title.lower()}{only}{extra}. The file itself is not changed."

    def undo(self) -> None:
        """Take back the last edit."""
        self._stepped(self._without_watching(self.history.undo), "Undone")

    def redo(self) -> None:
        """Make the last undone edit again."""
        self._stepped(self._without_watching(self.history.redo), "Done again")

    def _without_watching(self, change: Any) -> Any:
        self.editing = True
        try:
            return change()
        finally:
            self.editing = False

    def _stepped(self, changed: list[Any], what: str) -> None:
        self.refresh()
        if changed:
            self.say(f"{what}, in {', '.join(target.name for target in changed[:3])}.", "good")
        else:
            self.say(f"There is nothing to {'undo' if what == 'Undone' else 'redo'}.")

    def refresh(self) -> None:
        """Show what is known of the image in focus and its shown plane."""
        image, plane = self.focus.image, self.focus.plane
        clashes = [] if image is None else facts.clashes_of(image, plane)
        for grid in self.grids:
            shown = {} if image is None else facts.facts(image, plane, grid.rows, clashes)
            grid.show_facts(shown)
        self._show_clashes(clashes)
        self._show_titles(image)
        self._show_planes(image)
        self.details.show_layer(image)
        self.tools.refresh()
        same = [] if image is None else edits.companions(image, self.images)
        self._seen = {layer: snapshot(layer) for layer in same}

    def _on_plane(self) -> None:
        """The slider moved: only what can differ from plane to plane is shown anew."""
        image, plane = self.focus.image, self.focus.plane
        if image is None:
            return
        clashes = facts.clashes_of(image, plane)
        for grid in (self._channel_grid, self._plane_grid):
            grid.show_facts(facts.facts(image, plane, grid.rows, clashes))
        self._show_clashes(clashes)
        self._show_titles(image)
        self.planes.show_plane(plane)

    def _show_clashes(self, clashes: list[Conflict]) -> None:
        lines = "\n".join(f"⚠ {facts.in_words(clash)}" for clash in clashes)
        self.conflicts.setText(lines.replace("_", "_\u200b"))  # names of devices may be long
        self._conflict_card.setVisible(bool(clashes))

    def _show_titles(self, image: Layer | None) -> None:
        words = plane_words(self.focus)
        self._plane_title.setText(f"This plane · {words}" if words else "Focus")
        name = ""
        if image is not None:
            name = known.record_of(image).channel(known.channel_of(image)).name
        self._channel_title.setText(f"This channel · {name}" if name else "Channel")

    def _show_planes(self, image: Layer | None) -> None:
        several = image is not None and len(layers.planes(image)) > 1
        self._planes_section.setVisible(several)
        if several and image is not None:
            sheet = PlaneSheet(image, self.images, self.history)
            step = calibration.z_field(known.record_of(image)).value
            size = calibration.pixel_size_um(image, "Z")
            self.planes.show_sheet(
                sheet, float(step) if isinstance(step, float) else size, self.focus.plane
            )

    def _on_layer(self) -> None:
        """Another image: its project's fields become rows."""
        self.say_hint()
        self.load_project()
        self.refresh()

    def load_project(self) -> None:
        """Read the project file near the image, and make its fields rows."""
        try:
            self.project = facts.project_of(self.focus.image)
        except InputError as error:
            self.project = Project()
            self.say(str(error), "warn")
        self.show_free_rows()

    def show_free_rows(self) -> None:
        """Show a row for each field of the project, and for others that were stated."""
        free = facts.free_specs(self.focus.image, self.project)
        self._free_grid.set_specs(tuple(free.values()))
        self._free_grid.setVisible(bool(free))

    def _on_record(self) -> None:
        """What is known changed: a scale that was changed elsewhere can be undone here too."""
        image = self.focus.image
        if self.editing:
            return
        before = self._seen.get(image) if image is not None else None
        if image is not None and before is not None and tuple(image.scale) != before.scale:
            others = [layer for layer in self._seen if layer is not image]
            self._without_watching(lambda: calibration.follow(image, others))
            self.history.record(self._seen)
        self.show_free_rows()
        self.refresh()

    def _go_to(self, plane: layers.PlaneIndex) -> None:
        if self.focus.image is not None:
            layers.show_plane(self.focus.image, self.viewer, plane)

    def _refuse(self, text: str) -> None:
        self.say(plain(text), "warn")

    def _on_planes_edited(self, text: str) -> None:
        self.refresh()
        self.say(f"{text} The file itself is not changed.", "good")

    def say_hint(self) -> None:
        """Say what to do first: what is not known."""
        image = self.focus.image
        if image is None:
            self.say("Open an image (File ▸ Open) or a sample (File ▸ Open Sample) to begin.")
            return
        found = known.condition_fields(image, self.focus.plane)
        missing = [CONDITION_FIELDS[n].label.lower() for n in MAIN_ROWS if not found[n].known]
        clashes = facts.clashes_of(image, self.focus.plane)
        if missing:
            self.say(f"Not known: {', '.join(missing)}. Type what you know.", "info")
        elif clashes:
            self.say("All is known, but not all fits together: see ⚠.", "warn")
        else:
            self.say("Everything that matters most is known.", "good")

    def on_event(self, event: object) -> None:
        """What a job says while it saves."""
        self.tools.saving.on_event(event)

    def on_result(self, result: object) -> None:
        """What a job saved."""
        self.tools.saving.on_result(result)

    def on_finished(self, outcome: str) -> None:
        """The job is over."""
        self.tools.saving.on_finished(outcome)
