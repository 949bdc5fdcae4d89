from __future__ import annotations

import json

import pytest

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.acquisition.fields import FieldSpec
from napari_metaseg.acquisition.project import PROJECT_FILE, Project, find_project, write_project
from napari_metaseg.errors import InputError

CELL_LINE = FieldSpec("cell line", "text", "Cell line", "", ("HeLa", "U2OS"), strict=True)
PASSAGE = FieldSpec("passage", "float", "Passage", "times")
STAIN = FieldSpec("stain", "text", "stain", choices=("DAPI", "SiR"))
FIELDS = (CELL_LINE, PASSAGE, STAIN, FieldSpec("fixed", "bool", "fixed"))


@pytest.fixture
def project(tmp_path):
    write_project(tmp_path / PROJECT_FILE, FIELDS)
    return tmp_path


def test_fields_come_back_as_they_were_declared(project):
    assert find_project(project) == Project(project / PROJECT_FILE, {f.name: f for f in FIELDS})


def test_a_project_file_can_be_written_by_hand(tmp_path):
    (tmp_path / PROJECT_FILE).write_text(
        """{
        "format": "napari-metaseg project", "format_version": 1,
        "fields": [
            {"name": "cell line", "kind": "text", "label": "Cell line",
             "choices": ["HeLa", "U2OS"], "strict": true},
            {"name": "passage", "kind": "float", "label": "Passage", "unit": "times"}
        ]}"""
    )
    assert find_project(tmp_path).fields == {"cell line": CELL_LINE, "passage": PASSAGE}


def test_the_nearest_project_above_holds(project):
    inner = project / "a" / "b"
    inner.mkdir(parents=True)
    assert find_project(inner / "image.tif").path == project / PROJECT_FILE
    write_project(project / "a" / PROJECT_FILE, [PASSAGE])
    assert list(find_project(inner).fields) == ["passage"]


def test_without_a_project_there_are_no_fields(tmp_path):
    assert find_project(tmp_path / "image.tif") == Project()


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (FieldSpec("magnification", "float", "M"), "already means something"),
        (FieldSpec("labels", "text", "L"), "already means something"),
        (FieldSpec("", "text", ""), "a name that is empty"),
        (FieldSpec("a=b", "text", ""), "equals sign"),
        (FieldSpec("n", "float", "n", choices=("1",)), "not text"),
        (FieldSpec("n", "text", "n", strict=True), "no allowed values"),
    ],
)
def test_a_field_that_cannot_be_is_refused(tmp_path, spec, reason):
    with pytest.raises(InputError, match=reason):
        write_project(tmp_path / PROJECT_FILE, [spec])
    assert list(tmp_path.iterdir()) == []


def test_a_field_twice_is_refused(tmp_path):
    with pytest.raises(InputError, match="twice"):
        write_project(tmp_path / PROJECT_FILE, [PASSAGE, PASSAGE])


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"format": "napari-metaseg project", "format_version": 1}',
        b'{"format": "napari-metaseg project", "format_version": true, "fields": []}',
        b'{"format": "napari-metaseg project", "format_version": 1, "fields": [3]}',
        b'{"format": "napari-metaseg project", "format_version": 1, "fields":'
        b' [{"name": "a", "kind": "colour"}]}',
        b'{"format": "napari-metaseg project", "format_version": 1, "fields":'
        b' [{"name": "a", "choices": [1]}]}',
        b'{"format": "napari-metaseg project", "format_version": 1, "fields":'
        b' [{"name": "exposure_ms"}]}',
    ],
)
def test_a_damaged_project_is_one_clear_line(tmp_path, text):
    (tmp_path / PROJECT_FILE).write_bytes(text)
    with pytest.raises(InputError, match=PROJECT_FILE):
        find_project(tmp_path)


def test_a_newer_project_is_refused_with_the_way_out(project):
    document = json.loads((project / PROJECT_FILE).read_text())
    (project / PROJECT_FILE).write_text(json.dumps(document | {"format_version": 2}))
    with pytest.raises(InputError, match=r"newer napari-metaseg.*Update"):
        find_project(project)


def test_a_cohort_s_cells_are_read_by_the_declaration(project):
    table = project / "tables" / "cohort.csv"
    table.parent.mkdir()
    table.write_text("image,cell line,passage,fixed,note\na.tif,hela,12,yes,x\n")
    (row,) = read_cohort(table)
    assert row.stated == {"cell line": "HeLa", "passage": 12.0, "fixed": True}


def test_a_cell_that_is_not_allowed_names_row_field_and_what_is(project):
    (project / "cohort.csv").write_text("image,cell line\na.tif,HeLa\nb.tif,Hela2\n")
    with pytest.raises(InputError, match=r"row 3: cell line .*'Hela2'.*HeLa, U2OS"):
        read_cohort(project / "cohort.csv")


def test_a_word_of_one_s_own_is_fine_where_others_are_allowed(project):
    (project / "cohort.csv").write_text("image,stain\na.tif,Hoechst\n")
    assert read_cohort(project / "cohort.csv")[0].stated == {"stain": "Hoechst"}
