from __future__ import annotations

import pytest

from napari_metaseg.plugin import known, layers
from napari_metaseg.plugin.widgets.acquisition import AcquisitionWidget


@pytest.fixture
def panel(make_panel):
    return make_panel(AcquisitionWidget)


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
