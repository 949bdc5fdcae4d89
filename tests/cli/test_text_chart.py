import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from napari_metaseg.cli.text_chart import ASCII, BLOCKS, columns, cut, glyphs_for, tall_rows


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "utf-16"])
def test_an_encoding_with_blocks_gets_blocks(encoding):
    assert glyphs_for(encoding) is BLOCKS


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", None, "no-such-encoding"])
def test_any_other_gets_ascii(encoding):
    assert glyphs_for(encoding) is ASCII


def test_values_stand_in_the_columns_of_their_steps_and_are_joined_between_them():
    assert columns([(20, 0.0), (80, 0.6)], 100, 5) == pytest.approx([0, 0.1, 0.3, 0.6, None])


def test_a_single_point_shows_in_its_own_column_alone():
    assert columns([(100, 0.5)], 100, 4) == [None, None, None, 0.5]
    assert columns([(1, 0.5)], 100, 4) == [0.5, None, None, None]


def test_of_several_points_in_a_column_the_last_one_counts():
    assert columns([(1, 0.1), (2, 0.2), (3, 0.3)], 4, 1) == [0.3]


def test_columns_fill_their_cells_from_below():
    assert tall_rows([0.5, 1.0, 0.75], 2, BLOCKS) == [" █▄", "███"]


def test_nothing_and_zero_differ():
    assert tall_rows([None, 0.0], 1, BLOCKS) == [" ▁"]


def test_heights_beyond_the_chart_end_at_its_top():
    assert tall_rows([9.0], 2, ASCII) == ["%", "%"]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(1, 6))
def test_a_higher_value_never_looks_lower(heights, rows):
    chart = tall_rows(sorted(heights), rows, BLOCKS)
    filled = [
        sum(BLOCKS.levels.index(row[column]) for row in chart) for column in range(len(heights))
    ]
    assert filled == sorted(filled)


@given(st.text(min_size=3, max_size=40), st.integers(1, 30))
def test_a_cut_name_is_as_wide_as_its_room(text, room):
    if cell_len(text) > room:
        assert cell_len(cut(text, room, "…")) <= room


def test_names_that_differ_at_their_ends_stay_apart():
    assert cut("phase contrast · 10x", 12, "…") == "phase… · 10x"
