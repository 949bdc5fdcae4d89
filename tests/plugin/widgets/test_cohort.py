from __future__ import annotations

import pytest
from qtpy.QtCore import QItemSelectionModel, Qt
from qtpy.QtGui import QGuiApplication

from napari_metaseg.plugin import known
from napari_metaseg.plugin.widgets.acquisition import AcquisitionWidget
from napari_metaseg.plugin.widgets.cohort import CohortWidget


@pytest.fixture
def panel(make_panel, add_stack):
    for name in ("first", "second", "third"):
        add_stack(name)
    return make_panel(CohortWidget)


def column_of(panel, title):
    return next(i for i, name in enumerate(panel.sheet.columns) if name.startswith(title))


def select(panel, rows, title):
    chosen = panel.table.selectionModel()
    chosen.clear()
    for row in rows:
        index = panel.model.index(row, column_of(panel, title))
        chosen.select(index, QItemSelectionModel.SelectionFlag.Select)


def texts(panel, title):
    at = column_of(panel, title)
    return [panel.model.data(panel.model.index(r, at)) for r in range(panel.model.rowCount())]


def test_typing_into_one_of_several_selected_cells_fills_them_all(panel, viewer):
    select(panel, (0, 2), "Modality")
    panel.table.type_into((2, column_of(panel, "Modality")), "DIC")
    assert texts(panel, "Modality") == ["DIC", "fluorescence", "DIC"]
    assert known.condition_of(viewer.layers[0])["modality"] == "DIC"
    panel.undo()
    assert texts(panel, "Modality") == ["fluorescence"] * 3


def test_fill_down_copy_and_paste(panel):
    panel.table.write({(0, column_of(panel, "Exposure")): "40"})
    select(panel, (0, 1), "Exposure")
    panel.fill_button.click()
    assert texts(panel, "Exposure") == ["40", "40", ""]
    panel.table.copy_cells()
    assert QGuiApplication.clipboard().text() == "40\n40"
    QGuiApplication.clipboard().setText("7\n8")
    select(panel, (1,), "Exposure")
    panel.table.paste_cells()
    assert texts(panel, "Exposure") == ["40", "7", "8"]


def test_what_cannot_be_used_is_refused_with_the_reason(panel):
    panel.table.type_into((0, column_of(panel, "Exposure")), "long")
    assert "exposure must be a number" in panel.head.status.text
    assert texts(panel, "Exposure") == ["", "", ""]


def test_planes_that_differ_are_a_range_that_cannot_be_typed_over(panel):
    assert texts(panel, "Offset") == ["-1.5 … 1.5"] * 3
    index = panel.model.index(0, column_of(panel, "Offset"))
    assert not panel.model.flags(index) & Qt.ItemFlag.ItemIsEditable


def test_the_source_is_told_by_the_font_too(panel):
    panel.table.write({(0, column_of(panel, "Magnification")): "40"})
    fonts = [panel.model.data(panel.model.index(r, 1), Qt.ItemDataRole.FontRole) for r in range(2)]
    assert [font.bold() for font in fonts] == [True, False]


def test_an_edit_elsewhere_shows_at_once_and_is_undone_from_here(panel, make_panel, wait_for):
    other = make_panel(AcquisitionWidget)
    other.edit("magnification", "63")
    wait_for(lambda: "63" in texts(panel, "Magnification"))
    panel.undo()
    assert texts(panel, "Magnification") == ["20"] * 3


def test_sorting_filtering_and_opening_a_row(panel, viewer):
    panel.table.write({(2, column_of(panel, "Exposure")): "5"})
    panel.model.sort(column_of(panel, "Exposure"))
    assert texts(panel, "Image") == ["third", "first", "second"]
    panel.filter.setText("SEC")
    assert texts(panel, "Image") == ["second"]
    assert panel.count.text().startswith("1 of 3 rows")
    panel.open_row(0)
    assert viewer.layers.selection.active.name == "second"


def test_a_new_image_is_a_new_row(panel, viewer, add_stack):
    add_stack("fourth")
    assert texts(panel, "Image")[-1] == "fourth"
    viewer.layers.clear()
    assert panel.model.rowCount() == 0
    assert "Open images" in panel.head.status.text


def test_a_table_is_read_edited_and_exported(panel, wait_for, tmp_path, small_cohort):
    panel.load(small_cohort)
    wait_for(lambda: not panel.busy)
    assert panel.origin.text() == small_cohort.name
    panel.filter.setText("train")
    panel.table.write({(0, column_of(panel, "split")): "test"})
    panel.export(tmp_path / "out.csv")
    assert "Saved" in panel.head.status.text
    assert (tmp_path / "out.csv").read_text().count("\n") == panel.sheet.row_count + 1


def test_a_folder_without_images_says_so(panel, wait_for, tmp_path):
    panel.load(tmp_path)
    wait_for(lambda: not panel.busy)
    assert panel.head.status.kind == "bad"
    assert "no images in" in panel.head.status.text
