from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_metaseg.acquisition.cohort import (
    LABEL_KINDS,
    CohortRow,
    column_names,
    read_cohort,
    write_cohort,
)
from napari_metaseg.errors import InputError


@pytest.fixture
def table(tmp_path):
    def write(text, encoding="utf-8", name="cohort.csv"):
        path = tmp_path / name
        path.write_text(text, encoding=encoding)
        return path

    return write


def test_a_row_holds_paths_beside_the_table_and_what_is_stated(table, tmp_path):
    path = table(
        "image,labels,label_kind,split,group,magnification,modality,in_focus,z,stain\n"
        "im/a.tif,la/a.tif,sparse,test,g1,20,Phase,true,3,DAPI\n"
    )
    (row,) = read_cohort(path, extra_fields=["stain"])
    assert row == CohortRow(
        image=tmp_path / "im/a.tif",
        labels=tmp_path / "la/a.tif",
        label_kind="sparse",
        split="test",
        group="g1",
        z=3,
        stated={
            "magnification": 20.0,
            "modality": "phase contrast",
            "in_focus": True,
            "stain": "DAPI",
        },
    )


def test_empty_cells_are_unknown(table):
    (row,) = read_cohort(table("image,labels,magnification,z\na.tif,,,\n"))
    assert (row.labels, row.label_kind, row.z, dict(row.stated)) == (None, "instances", None, {})


def test_further_columns_are_ignored_unless_named(table):
    path = table("image,note,passage\na.tif,nice,7\n")
    assert dict(read_cohort(path)[0].stated) == {}
    assert dict(read_cohort(path, extra_fields=["passage"])[0].stated) == {"passage": 7.0}
    assert column_names(path) == ("image", "note", "passage")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_tables_as_spreadsheets_save_them(table, encoding, separator, ending):
    text = ending.join(["image,group,", "a.tif,Zürich,", ",,", ""]).replace(",", separator)
    (row,) = read_cohort(table(text, encoding))
    assert (row.image.name, row.group) == ("a.tif", "Zürich")


def test_short_rows_are_filled_up_as_unknown(table):
    rows = read_cohort(table("image,group,z\na.tif\nb.tif,g\n"))
    assert [(r.group, r.z) for r in rows] == [("", None), ("g", None)]


def test_a_sample_name_is_what_a_row_is_called(table):
    rows = read_cohort(table("image,sample\nx/a.tif,first\nx/b.tif,\n"))
    assert [r.name for r in rows] == ["first", "b.tif"]


BAD = {
    "no image column": ("file,labels\na,b\n", "no column 'image': got file, labels"),
    "no rows": ("image,labels\n", "has no rows"),
    "nothing at all": ("", "no column 'image': got no columns"),
    "a row without image": ("image,z\na,1\n,2\n", "row 3 of the cohort table names no image"),
    "a bad number": ("image,magnification\na,20x\n", "row 2: magnification must be a number"),
    "a comma as point": ('image,pixel_size_um\na,"0,65"\n', "decimals with a point"),
    "a bad kind": ("image,label_kind\na,blobs\n", "unknown label_kind: got 'blobs'.*instances"),
    "a bad index": ("image,z\na,top\n", "row 2: z must be a whole number"),
    "a negative index": ("image,t\na,-1\n", "row 2: t must be 0 or more"),
    "half an index": ("image,z\na,1.5\n", "row 2: z must be a whole number"),
    "two columns of a name": ("image,z,z\na,1,2\n", "two columns named 'z'"),
    "too many cells": ("image,z\na,1,x\n", "more cells than the table has columns"),
    "an open quote": ('image,z\n"a,1\n', "not a readable table"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD.keys())
def test_each_mistake_has_its_own_message(table, text, message):
    with pytest.raises(InputError, match=message):
        read_cohort(table(text))


def test_a_field_that_the_table_lacks_is_named(table):
    with pytest.raises(InputError, match="no column for the field 'stain'"):
        read_cohort(table("image\na\n"), extra_fields=["stain"])
    assert read_cohort(table("image\na\n"), extra_fields=["magnification"])[0].stated == {}


def test_what_is_no_table_is_told(table, tmp_path):
    with pytest.raises(InputError, match="no cohort table at"):
        read_cohort(tmp_path / "missing.csv")
    with pytest.raises(InputError, match="a folder"):
        read_cohort(tmp_path)
    (tmp_path / "image.csv").write_bytes(b"\x89PNG\r\n\x1a\n\xff")
    with pytest.raises(InputError, match="Save it as CSV in UTF-8"):
        read_cohort(tmp_path / "image.csv")


def test_parquet_gives_the_same_rows(table, tmp_path):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"image": ["a.tif", "b.tif"], "magnification": [20.0, None], "z": [1, 2]})
    frame.to_parquet(tmp_path / "cohort.parquet")
    rows = read_cohort(tmp_path / "cohort.parquet")
    assert [(r.image.name, dict(r.stated), r.z) for r in rows] == [
        ("a.tif", {"magnification": 20.0}, 1),
        ("b.tif", {}, 2),
    ]


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "cohort.parquet").write_bytes(b"PAR1")
    for name in ("pyarrow", "fastparquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match="pip install pyarrow"):
        read_cohort(tmp_path / "cohort.parquet")


def test_a_written_table_can_be_moved_with_its_images(tmp_path):
    folder = tmp_path / "first"
    row = CohortRow(folder / "images" / "a.tif", labels=tmp_path / "labels" / "a.tif")
    write_cohort([row], folder / "cohort.csv")
    lines = (folder / "cohort.csv").read_text().splitlines()
    assert lines[1].startswith("images/a.tif,../labels/a.tif,instances")


def test_a_table_without_rows_still_has_its_columns(tmp_path):
    write_cohort([], tmp_path / "cohort.csv")
    assert column_names(tmp_path / "cohort.csv")[:2] == ("image", "labels")


words = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=8).map(str.strip)
numbers = st.floats(1e-3, 1e4)
stated = st.fixed_dictionaries(
    {},
    optional={
        "magnification": numbers,
        "plane_offset_um": st.floats(-99, 99),
        "modality": st.sampled_from(["DIC", "fluorescence", "my own"]),
        "in_focus": st.booleans(),
        "passage": numbers,
        "cell line": st.sampled_from(["HeLa", 'the "best", of; all']),
    },
)
names = st.text("abcäß ,;'_-", min_size=1, max_size=8).map(str.strip).filter(bool)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(names, st.none() | names, words, words, st.none() | st.integers(0, 99), stated),
        min_size=1,
        max_size=4,
    ),
    kind=st.sampled_from(LABEL_KINDS),
)
def test_any_cohort_comes_back(tmp_path, rows, kind):
    folder = tmp_path.resolve()
    cohort = [
        CohortRow(
            image=folder / f"{image}.tif",
            labels=folder / f"{labels}.tif" if labels else None,
            label_kind=kind,
            split=split,
            group=group,
            z=z,
            stated=facts,
        )
        for image, labels, split, group, z, facts in rows
    ]
    write_cohort(cohort, folder / "cohort.csv")
    extra = [n for n in column_names(folder / "cohort.csv") if n in ("passage", "cell line")]
    assert list(read_cohort(folder / "cohort.csv", extra_fields=extra)) == cohort


def test_a_row_may_ask_for_vertical_scans(tmp_path):
    path = tmp_path / "cohort.csv"
    path.write_text("image,plane_axes\na.lif,zx\nb.tif,\n")
    rows = read_cohort(path)
    assert [row.plane_axes for row in rows] == ["ZX", ""]
    write_cohort(rows, tmp_path / "again.csv")
    assert [row.plane_axes for row in read_cohort(tmp_path / "again.csv")] == ["ZX", ""]
    path.write_text("image,plane_axes\na.lif,XT\n")
    with pytest.raises(InputError, match=r"row 2: unknown plane_axes: got 'XT'\. Use YX or ZX"):
        read_cohort(path)
