"""Metadata in a real window: open, correct by keyboard, save, open again; browse a plate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QLineEdit

from napari_metaseg.acquisition.record import AcquisitionRecord
from napari_metaseg.images.protocol import PlanewiseImage, WellField
from napari_metaseg.images.write import write_ome_tiff
from napari_metaseg.plugin import known, layers

pytestmark = pytest.mark.gui


def dock(viewer: Any, name: str) -> Any:
    return viewer.window.add_plugin_dock_widget("napari-metaseg", name, tabify=True)[1]


def test_a_file_is_corrected_by_keyboard_saved_and_opened_again(
    window, qtbot, record, tmp_path, wait_for
):
    window.window._qt_window.activateWindow()
    path = tmp_path / "a.ome.tif"
    write_ome_tiff(path, np.zeros((3, 24, 32), np.uint16), "ZYX", record)
    (layer,) = window.open(path, plugin="napari-metaseg")
    panel = dock(window, "Acquisition")

    panel.rows["magnification"].focus()
    line = panel.rows["magnification"].editor.line
    qtbot.keyClicks(line, "40")
    qtbot.keyClick(line, Qt.Key.Key_Return)
    following = panel.rows["pixel_size_um"].editor.line
    wait_for(lambda: QApplication.focusWidget() is following)
    assert known.condition_of(layer)["magnification"] == 40.0
    qtbot.keyClick(following, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert known.condition_of(layer)["magnification"] == 20.0
    redo = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(following, Qt.Key.Key_Z, redo)
    assert known.condition_of(layer)["magnification"] == 40.0

    panel.tools.foot.save_button.click()
    window.layers.clear()
    (again,) = window.open(path, plugin="napari-metaseg")
    found = known.field_of(again, "magnification")
    assert (found.value, found.source) == (40.0, "user")
    wait_for(lambda: panel.rows["magnification"].badge.text() == "you · saved")

    cohort = dock(window, "Cohort")
    cohort.load(tmp_path)
    wait_for(lambda: not cohort.busy)
    assert cohort.sheet.text(0, 1) == "40", "the folder's row does not know the sidecar"


def test_a_cell_that_cannot_be_used_stays_open_with_its_reason(window, qtbot, add_stack, wait_for):
    add_stack(target=window)
    cohort = dock(window, "Cohort")
    index = cohort.model.index(0, 1)
    cohort.table.setCurrentIndex(index)
    cohort.table.edit(index)
    editor = cohort.table.viewport().findChild(QLineEdit)
    editor.setText("-5")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert "above 0" in cohort.head.status.text
    assert cohort.table.viewport().findChild(QLineEdit) is editor, "it was closed"
    editor.setText("63")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    wait_for(lambda: cohort.sheet.text(0, 1) == "63")


class WellImage(PlanewiseImage):
    """A small image of a field of a well."""

    axes, shape, dtype = "YX", (4, 5), np.dtype(np.uint16)
    record = AcquisitionRecord()

    def __init__(self, path: Path, well: str, field: int) -> None:
        self.path, self.name = path, f"{well} field {field}"
        self.position = WellField("plate 1", well, field)

    def _read(self, c: int, z: int, t: int) -> Any:
        return np.zeros(self.shape, self.dtype)


def test_a_plate_opens_as_one_field_with_its_wells_to_click(
    window, wait_for, monkeypatch, tmp_path
):
    path = tmp_path / "Index.xml"
    path.write_text("<EvaluationInputData/>")
    places = (("B03", 1), ("B03", 2), ("C04", 1))
    sources = tuple(WellImage(path, well, field) for well, field in places)
    monkeypatch.setattr("napari_metaseg.images.open.open_images", lambda path: sources)
    (layer,) = window.open(path, plugin="napari-metaseg")
    panel = dock(window, "Plate")
    wait_for(lambda: panel.plate is not None)
    assert sorted(panel.grid.wells) == ["B03", "C04"]
    panel.grid.wells["C04"].click()
    assert list(window.layers) == [layer]
    assert layer.name == "C04 field 1"
    panel.grid.wells["B03"].click()
    panel.field.setValue(2)
    assert layers.info(layer)["plate"] == {"plate": "plate 1", "well": "B03", "field": 2}
