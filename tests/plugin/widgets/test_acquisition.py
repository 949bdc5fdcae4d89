from __future__ import annotations

import numpy as np
import pytest

from napari_metaseg.acquisition.condition import derive_condition
from napari_metaseg.acquisition.template import list_templates
from napari_metaseg.images.open import open_image
from napari_metaseg.images.write import write_ome_tiff
from napari_metaseg.plugin import known, layers, settings
from napari_metaseg.plugin.reader import read
from napari_metaseg.plugin.widgets.acquisition import AcquisitionWidget


@pytest.fixture
def panel(make_panel):
    return make_panel(AcquisitionWidget)


@pytest.fixture
def opened(viewer, record, tmp_path):
    """Two channels of a file on disk, opened by the reader."""
    path = tmp_path / "a.ome.tif"
    pixels = np.zeros((2, 3, 8, 9), np.uint16)
    write_ome_tiff(path, pixels, "CZYX", record, channel_names=("DAPI", "trans"))
    layers_ = [viewer.add_image(data, **options) for data, options, _ in read(str(path))]
    viewer.layers.selection.active = layers_[0]
    return layers_


def state(panel):
    return panel.tools.foot.state.text()


def shown(panel, name):
    row = panel.rows[name]
    line = getattr(row.editor, "line", None) or row.editor
    text = line.text() if hasattr(line, "text") else line.currentText()
    return text, row.badge.text()


def test_every_field_shows_its_value_and_where_it_came_from(panel, add_stack):
    add_stack()
    assert shown(panel, "magnification") == ("20", "file")
    assert shown(panel, "pixel_size_um") == ("0.325", "file")
    assert shown(panel, "modality") == ("fluorescence", "file")
    assert shown(panel, "in_focus") == ("yes", "inferred")
    assert shown(panel, "exposure_ms") == ("", "–")
    assert "exposure" in panel.head.status.text, "what is not known was not said"


def test_the_plane_rows_follow_the_slider(panel, viewer, add_stack):
    add_stack()
    viewer.dims.set_current_step(0, 2)
    assert shown(panel, "plane_offset_um") == ("1.5", "file")
    viewer.dims.set_current_step(0, 0)
    assert shown(panel, "plane_offset_um") == ("-1.5", "file")


def test_a_typed_value_is_kept_in_the_layer_and_marked_as_yours(panel, add_stack):
    layer = add_stack()
    line = panel.rows["exposure_ms"].editor.line
    line.setText("40")
    line.editingFinished.emit()
    assert shown(panel, "exposure_ms") == ("40", "you")
    assert layers.info(layer)["declared_channel"] == {"exposure_ms": 40.0}
    assert "40 ms" in panel.head.domain


def test_the_pixel_size_scales_the_layer(panel, add_stack):
    layer = add_stack()
    panel.edit("pixel_size_um", "0.65")
    assert tuple(layer.scale) == (1.5, 0.65, 0.65)
    panel.undo()
    assert tuple(layer.scale) == (1.5, 0.325, 0.325)


def test_a_scale_changed_in_napari_shows_at_once(panel, add_stack):
    layer = add_stack()
    layer.scale = (1.5, 0.5, 0.5)
    assert shown(panel, "pixel_size_um") == ("0.5", "you")


def test_what_cannot_be_used_is_explained_and_left_to_be_corrected(panel, add_stack):
    add_stack()
    editor = panel.rows["magnification"].editor
    editor.line.setText("-3")
    editor.line.editingFinished.emit()
    assert panel.head.status.kind == "bad"
    assert "above 0" in panel.head.status.text
    assert editor.line.text() == "-3"
    assert editor.line.property("bad") == "true"


def test_revert_brings_the_files_value_back(panel, add_stack):
    add_stack()
    panel.edit("modality", "DIC")
    assert panel.rows["modality"].revert.isEnabled()
    panel.rows["modality"].revert.click()
    assert shown(panel, "modality") == ("fluorescence", "file")
    assert not panel.rows["modality"].revert.isEnabled()


def test_conflicts_are_shown_in_words(panel, add_stack):
    add_stack()
    assert panel._conflict_card.isHidden()
    panel.edit("magnification", "4")
    assert not panel._conflict_card.isHidden()
    assert "Magnification: you say 4, the file says 20" in panel.conflicts.text()
    assert "needs a camera pixel of 1.3 µm" in panel.conflicts.text()


def test_undo_and_redo_say_why_they_are_off(panel, add_stack):
    add_stack()
    assert not panel.tools.actions.undo_button.isEnabled()
    assert panel.tools.actions.undo_button.toolTip()
    panel.edit("modality", "DIC")
    panel.tools.actions.undo_button.click()
    assert shown(panel, "modality") == ("fluorescence", "file")
    panel.tools.actions.redo_button.click()
    assert shown(panel, "modality") == ("DIC", "you")


def test_edits_are_copied_to_other_images(panel, viewer, add_stack):
    first, second = add_stack("first"), add_stack("second")
    viewer.layers.selection.active = first
    assert not panel.tools.actions.copy_button.isEnabled()
    panel.edit("modality", "DIC")
    panel.tools.actions.copy_menu.actions()[0].trigger()
    assert known.condition_of(second)["modality"] == "DIC"


def test_more_from_the_file_shows_what_else_is_known(panel, add_stack):
    add_stack()
    assert shown(panel, "lens_na") == ("0.75", "file")
    assert panel.details.texts["File"] == "/data/cells.tif"


def test_a_closed_image_leaves_an_empty_panel(panel, viewer, add_stack):
    viewer.layers.remove(add_stack())
    assert not panel.rows["magnification"].editor.isEnabled()
    assert "Open an image" in panel.head.status.text


def test_a_conflict_is_marked_on_the_fields_that_it_is_about(panel, add_stack):
    add_stack()
    panel.edit("magnification", "4")
    row = panel.rows["magnification"]
    assert row.name.text().startswith("⚠")
    assert "the file says 20" in row.name.toolTip()
    assert "camera pixel" in panel.rows["pixel_size_um"].conflict
    assert not panel.rows["modality"].conflict
    panel.edit("magnification", "")
    assert not row.name.text().startswith("⚠")


def test_what_is_said_of_a_channel_against_the_file_is_a_conflict_too(panel, add_stack):
    add_stack()
    panel.edit("modality", "DIC")
    assert (
        panel.rows["modality"].conflict
        == "you say DIC for channel 'DAPI', the file says fluorescence."
    )


def test_edits_are_saved_beside_the_image_and_the_mark_goes(panel, opened):
    assert state(panel) == "No edits"
    assert not panel.tools.foot.save_button.button.isEnabled()
    panel.edit("magnification", "40")
    panel.edit("exposure_ms", "12")
    assert state(panel) == "● 2 edits not saved"
    assert shown(panel, "exposure_ms") == ("12", "you")
    panel.tools.foot.save_button.click()
    assert state(panel) == "✓ Saved in a.ome.tif.metaseg.json"
    assert shown(panel, "exposure_ms") == ("12", "you · saved")
    assert "a.ome.tif.metaseg.json" in panel.head.status.text


def test_what_cannot_be_saved_says_why(panel, add_stack):
    add_stack()
    panel.edit("magnification", "40")
    assert "not from a file" in panel.tools.foot.save_button.button.toolTip()
    assert "not from a file" in panel.tools.foot.write_action.toolTip()


def test_a_copy_is_saved_in_the_background(panel, opened, wait_for, tmp_path):
    panel.edit("magnification", "40")
    panel.tools.foot.save_copy.emit(tmp_path / "copy.ome.tif")
    wait_for(lambda: not panel.busy)
    assert "Saved the copy" in panel.head.status.text
    copy = open_image(tmp_path / "copy.ome.tif")
    assert derive_condition(copy.record)["magnification"].value == 40.0


def test_writing_into_the_file_asks_first_and_names_the_backup(panel, opened, wait_for, tmp_path):
    panel.edit("magnification", "40")
    foot = panel.tools.foot
    assert foot.write_card.isHidden()
    foot.write_action.trigger()
    assert not foot.write_card.isHidden()
    assert "a.ome.tif.backup" in foot._write_text.text()
    foot._on_write()
    wait_for(lambda: not panel.busy)
    assert (tmp_path / "a.ome.tif.backup").exists(), panel.head.status.text
    written = open_image(tmp_path / "a.ome.tif")
    assert derive_condition(written.record)["magnification"].value == 40.0
    assert state(panel) == "✓ Saved in a.ome.tif"


def test_channels_of_one_image_are_kept_in_step(panel, viewer, opened):
    panel.edit("magnification", "40")
    panel.edit("exposure_ms", "12")
    viewer.layers.selection.active = opened[1]
    assert shown(panel, "magnification") == ("40", "you")
    assert shown(panel, "exposure_ms") == ("", "–")
    panel.undo()
    panel.undo()
    assert shown(panel, "magnification") == ("20", "file")


def test_a_scale_changed_in_napari_reaches_the_other_channels_and_can_be_undone(panel, opened):
    opened[0].scale = (1.5, 0.65, 0.65)
    assert tuple(opened[1].scale) == (1.5, 0.65, 0.65)
    panel.undo()
    assert [tuple(layer.scale) for layer in opened] == [(1.5, 0.325, 0.325)] * 2


def test_a_template_is_saved_applied_and_deleted(panel, viewer, add_stack):
    first, second = add_stack("first"), add_stack("second")
    viewer.layers.selection.active = first
    panel.edit("immersion", "Oil")
    panel.edit("modality", "DIC")
    panel.tools.save_template("oil DIC")
    viewer.layers.selection.active = second
    (template,) = list_templates(settings.template_folder())
    assert template.values == {"magnification": 20.0, "immersion": "Oil", "modality": "DIC"}
    panel.tools.apply_template(template)
    assert shown(panel, "immersion") == ("Oil", "you")
    assert shown(panel, "magnification") == ("20", "file")
    panel.undo()
    assert shown(panel, "modality") == ("fluorescence", "file")
    panel.tools.delete_template("oil DIC")
    assert not list_templates(settings.template_folder())


def test_a_field_of_ones_own_becomes_a_row_for_every_image_of_the_project(panel, opened, tmp_path):
    form = panel.new_field
    form.name.setText("cell line")
    form.values.setText("HeLa, U2OS")
    form.add_button.click()
    assert (tmp_path / "metaseg-project.json").is_file(), panel.head.status.text
    panel.edit("cell line", "hela")
    assert panel.rows["cell line"].editor.currentText() == "HeLa"
    assert known.condition_of(opened[1])["cell line"] == "HeLa"
    panel.edit("cell line", "mouse")
    assert "HeLa, U2OS" in panel.head.status.text


def test_edits_are_copied_to_the_selected_images(panel, viewer, add_stack):
    first, second, third = (add_stack(name) for name in ("first", "second", "third"))
    viewer.layers.selection.active = first
    panel.edit("immersion", "Oil")
    viewer.layers.selection = {first, second}
    panel.refresh()
    names = [a.text() for a in panel.tools.actions.copy_menu.actions()]
    assert names[:2] == ["the selected images (1)", "all other images (2)"]
    panel.tools.actions.copy_menu.actions()[0].trigger()
    assert known.condition_of(second)["immersion"] == "Oil"
    assert "immersion" not in known.condition_of(third)


def test_everything_is_reverted_to_the_file_at_once(panel, opened):
    panel.edit("magnification", "40")
    panel.edit("plane_offset_um", "9")
    panel.tools.foot.revert_action.trigger()
    assert state(panel) == "No edits"
    assert not panel.tools.foot.revert_action.isEnabled()
    panel.undo()
    assert shown(panel, "magnification") == ("40", "you")


def test_the_table_of_planes_goes_to_a_plane_and_fills_offsets(panel, viewer, add_stack):
    layer = add_stack()
    assert not panel._planes_section.isHidden()
    panel.planes.table.clicked.emit(panel.planes.model.index(2, 0))
    assert layers.shown_plane(layer, viewer) == layers.PlaneIndex(z=2)
    assert panel.planes.model.data(panel.planes.model.index(2, 0)) == "▸ 3"
    assert panel.planes.step.value() == 1.5
    panel.planes.focus_z.setValue(1)
    panel.planes.offsets_button.click()
    assert shown(panel, "plane_offset_um") == ("3", "you")
    panel.undo()
    assert shown(panel, "plane_offset_um") == ("1.5", "file")


def test_an_image_of_one_plane_has_no_table_of_planes(panel, viewer):
    viewer.add_image(np.zeros((4, 5)))
    assert panel._planes_section.isHidden()


def test_the_objective_and_the_channel_can_be_edited(panel, add_stack):
    layer = add_stack()
    panel.edit("objective_nominal_magnification", "60")
    panel.edit("pixel_size_z_um", "0.5")
    assert shown(panel, "magnification") == ("60", "you")
    assert layer.scale[0] == 0.5
    assert not panel.rows["magnification"].revert.isEnabled(), "it follows from the objective"
    assert panel.rows["objective_nominal_magnification"].revert.isEnabled()


def test_a_damaged_project_file_is_told_and_hinders_no_edit(panel, viewer, opened, tmp_path):
    (tmp_path / "metaseg-project.json").write_text("{bad")
    viewer.layers.selection.active = opened[1]
    assert panel.head.status.kind == "warn"
    assert "metaseg-project.json" in panel.head.status.text
    panel.edit("magnification", "40")
    assert shown(panel, "magnification") == ("40", "you")
