from __future__ import annotations

import csv

import numpy as np
import pytest

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.acquisition.fields import FieldSpec
from napari_metaseg.acquisition.project import PROJECT_FILE, write_project
from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord, Field
from napari_metaseg.acquisition.statements import Statements
from napari_metaseg.cli.main import main
from napari_metaseg.datasets.items import load_items
from napari_metaseg.images.sidecar import write_sidecar
from napari_metaseg.images.write import write_ome_tiff

RECORD = AcquisitionRecord(
    {"objective_nominal_magnification": Field(20.0, "file")},
    (ChannelRecord("a", {"contrast_method": Field("Phase", "file")}),),
)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "images"
    (folder / "masks").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        write_ome_tiff(folder / f"{name}.ome.tif", rng.integers(0, 99, (8, 9), "u1"), "YX", RECORD)
    labels = np.zeros((8, 9), np.int32)
    labels[2:5, 2:5] = 1
    write_ome_tiff(folder / "masks" / "a_mask.tif", labels, "YX")
    return folder


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_can_be_read_and_trained_with(folder, tmp_path, capsys):
    out = tmp_path / "tables" / "cohort.csv"
    assert main(["cohort", str(folder), "--out", str(out)]) == 0
    first, second = read(out)
    assert first["image"] == "../images/a.ome.tif"
    assert first["labels"] == "../images/masks/a_mask.tif"
    assert (first["magnification"], first["modality"]) == ("20.0", "phase contrast")
    assert (second["labels"], second["exposure_ms"]) == ("", "")
    rows = read_cohort(out)
    (item,) = load_items([row for row in rows if row.labels])
    assert item.condition == {"magnification": 20.0, "modality": "phase contrast"}
    assert item.target is not None
    captured = capsys.readouterr()
    assert captured.out == f"2 image(s): {out}\n"
    assert "masks: 1 of 2 images have one" in captured.err
    assert "exposure_ms (all)" in captured.err
    assert "magnification" not in captured.err


def test_parquet_by_the_name(folder, tmp_path):
    pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow")
    for name in ("cohort.csv", "cohort.parquet"):
        assert main(["cohort", str(folder), "--out", str(tmp_path / name)]) == 0
    assert read_cohort(tmp_path / "cohort.parquet") == read_cohort(tmp_path / "cohort.csv")


def test_masks_by_a_pattern(folder, tmp_path):
    out = tmp_path / "cohort.csv"
    pattern = "masks/{stem}_*.tif"
    assert main(["cohort", str(folder), "--out", str(out), "--labels", pattern]) == 0
    assert [row["labels"] for row in read(out)] == ["images/masks/a_mask.tif", ""]


def test_a_project_s_fields_are_columns_with_what_sidecars_state(folder, tmp_path, capsys):
    write_project(tmp_path / PROJECT_FILE, [FieldSpec("cell line", "text", "Cell line")])
    write_sidecar(folder / "b.ome.tif", {"b": Statements({"cell line": "HeLa"})})
    out = tmp_path / "cohort.csv"
    assert main(["cohort", str(folder), "--out", str(out)]) == 0
    assert [row["cell line"] for row in read(out)] == ["", "HeLa"]
    assert read_cohort(out)[1].stated["cell line"] == "HeLa"
    assert "cell line (1)" in capsys.readouterr().err


def test_what_contradicts_itself_is_told(folder, tmp_path, capsys):
    write_sidecar(folder / "b.ome.tif", {"b": Statements({"magnification": 40.0})})
    assert main(["cohort", str(folder), "--out", str(tmp_path / "cohort.csv")]) == 0
    assert "b: magnification: stated as 40, the file says 20" in capsys.readouterr().err


def test_a_bad_file_is_a_note_and_not_the_end(folder, tmp_path, capsys):
    (folder / "c.tif").write_bytes(b"II*\x00")
    assert main(["cohort", str(folder), "--out", str(tmp_path / "cohort.csv")]) == 0
    assert "c.tif is not a readable TIFF" in capsys.readouterr().err


def test_a_table_that_is_there_is_not_lost(folder, tmp_path, capsys):
    out = tmp_path / "cohort.csv"
    out.write_text("edited by hand")
    assert main(["cohort", str(folder), "--out", str(out)]) == 2
    assert "--force" in capsys.readouterr().err
    assert out.read_text() == "edited by hand"
    assert main(["cohort", str(folder), "--out", str(out), "--force"]) == 0
    assert len(read(out)) == 2


@pytest.mark.parametrize(
    ("name", "way_out"),
    [("none", "Give the folder"), ("images/masks/a_mask.tif", "Give the folder")],
)
def test_what_holds_no_images_is_refused_in_one_line(folder, tmp_path, capsys, name, way_out):
    out = tmp_path / "cohort.csv"
    assert main(["cohort", str(tmp_path / name), "--out", str(out)]) == 2
    err = capsys.readouterr().err
    assert way_out in err
    assert len(err.splitlines()) == 1
    assert not out.exists()


def test_an_empty_folder_is_refused(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["cohort", str(tmp_path / "empty"), "--out", str(tmp_path / "c.csv")]) == 2
    assert "no images in" in capsys.readouterr().err


def test_another_kind_of_table_is_refused(folder, tmp_path, capsys):
    assert main(["cohort", str(folder), "--out", str(tmp_path / "c.xlsx")]) == 2
    assert "CSV or parquet" in capsys.readouterr().err


@pytest.mark.real_data
def test_every_real_cell_gets_its_mask(real_data, tmp_path):
    out = tmp_path / "cohort.csv"
    assert main(["cohort", str(real_data / "cells"), "--out", str(out)]) == 0
    rows = read_cohort(out)
    assert len(rows) == 198
    assert all(row.labels and row.labels.name == row.image.name for row in rows)


@pytest.mark.real_data
def test_vendors_files_become_rows(real_data, tmp_path, capsys):
    out = tmp_path / "cohort.csv"
    assert main(["cohort", str(real_data / "vendor"), "--out", str(out)]) == 0
    rows = {row.name: row for row in read_cohort(out)}
    assert rows["C03 field 2"].group.endswith("C03")
    assert rows["C03 field 2"].stated["magnification"] == 10.0
    assert "an ICS file" in capsys.readouterr().err
