from __future__ import annotations

import pytest

from napari_metaseg.errors import InputError
from napari_metaseg.plugin import known, layers
from napari_metaseg.plugin.history import History
from napari_metaseg.plugin.planes import PlaneSheet, offsets
from napari_metaseg.plugin.sheet import copied, filled_down, pasted, typed


@pytest.fixture
def sheet(add_stack):
    layer = add_stack()
    history = History()
    made = PlaneSheet(layer, [layer], history)
    made.layer, made.history = layer, history
    return made


def again(sheet):
    return PlaneSheet(sheet.layer, [sheet.layer], sheet.history)


def column(sheet, title):
    at = sheet.columns.index(title)
    return [sheet.text(row, at) for row in range(sheet.row_count)]


def test_a_row_a_plane_with_what_varies(sheet):
    assert sheet.columns == ["z", "Offset\nµm", "Exp.\nms", "In\nfocus"]
    assert column(sheet, "z") == ["1", "2", "3"]
    assert column(sheet, "Offset\nµm") == ["-1.5", "0", "1.5"]
    assert column(sheet, "In\nfocus") == ["no", "yes", "no"]


def test_a_value_is_stated_for_its_plane_and_undone_in_one_step(sheet):
    at = sheet.columns.index("Exp.\nms")
    sheet.write({(0, at): "10", (2, at): "30"})
    assert column(again(sheet), "Exp.\nms") == ["10", "", "30"]
    sheet.history.undo()
    assert column(again(sheet), "Exp.\nms") == ["", "", ""]


def test_text_that_does_not_fit_is_refused_with_the_reason(sheet):
    at = sheet.columns.index("Exp.\nms")
    assert "must be a number" in sheet.problem(0, at, "long")
    assert sheet.problem(0, at, "10") == ""
    with pytest.raises(InputError):
        sheet.write({(0, at): "10", (1, at): "long"})
    assert column(again(sheet), "Exp.\nms") == ["", "", ""]


def test_where_a_plane_is_cannot_be_edited(sheet):
    assert not sheet.editable(0, 0)
    assert sheet.editable(0, 1)


def test_offsets_follow_from_the_plane_in_focus_and_the_step(sheet):
    sheet.state(offsets(sheet.planes, 2, 0.7))
    assert column(again(sheet), "Offset\nµm") == ["-1.4", "-0.7", "0"]
    assert column(again(sheet), "In\nfocus") == ["no", "yes", "yes"]
    sheet.history.undo()
    assert column(again(sheet), "Offset\nµm") == ["-1.5", "0", "1.5"]


def test_what_the_file_says_already_is_no_edit(sheet):
    sheet.state(offsets(sheet.planes, 1, 1.5))
    assert layers.info(sheet.layer)["declared_planes"] == {}
    assert known.condition_of(sheet.layer, sheet.planes[0])["plane_offset_um"] == -1.5


def test_fill_down_repeats_the_top_cell_of_each_column(sheet):
    assert filled_down(sheet, [(0, 1), (1, 1), (2, 1), (1, 2)]) == {(1, 1): "-1.5", (2, 1): "-1.5"}


def test_typing_into_one_of_several_cells_fills_those_of_its_column():
    assert typed((1, 2), [(0, 2), (1, 2), (1, 3)], "x") == {(0, 2): "x", (1, 2): "x"}
    assert typed((5, 2), [(0, 2)], "x") == {(5, 2): "x"}, "it was not selected"


def test_cells_are_copied_with_tabs_and_pasted_from_the_first_selected_on(sheet):
    text = copied(sheet, [(0, 1), (0, 3), (1, 1), (1, 3)])
    assert text == "-1.5\tno\n0\tyes"
    assert pasted(sheet, [(1, 1)], "1\t2\n3\t4\n5\t6\n") == {
        (1, 1): "1",
        (1, 2): "2",
        (2, 1): "3",
        (2, 2): "4",
    }
    assert pasted(sheet, [(0, 1), (2, 1)], "7") == {(0, 1): "7", (2, 1): "7"}
