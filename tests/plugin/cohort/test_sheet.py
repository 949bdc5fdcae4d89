from __future__ import annotations

import json

import numpy as np
import pytest

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.acquisition.fields import FieldSpec
from napari_metaseg.acquisition.project import write_project
from napari_metaseg.errors import Cancelled, InputError
from napari_metaseg.events import CancelToken
from napari_metaseg.images.sidecar import sidecar_path
from napari_metaseg.images.write import write_ome_tiff
from napari_metaseg.plugin import known, layers
from napari_metaseg.plugin.cohort.entries import LayerEntry, value_range
from napari_metaseg.plugin.cohort.export import export
from napari_metaseg.plugin.cohort.load import load_folder, load_table
from napari_metaseg.plugin.cohort.opening import open_entry
from napari_metaseg.plugin.cohort.save import save_images, unsaved_images
from napari_metaseg.plugin.cohort.sheet import CohortSheet
from napari_metaseg.plugin.history import History


def result(generator):
    while True:
        try:
            next(generator)
        except StopIteration as stop:
            return stop.value


def column(sheet, title):
    at = next(i for i, name in enumerate(sheet.columns) if name.startswith(title))
    return [sheet.text(row, at) for row in range(sheet.row_count)]


def cell(sheet, row, title):
    return row, next(i for i, name in enumerate(sheet.columns) if name.startswith(title))


@pytest.fixture
def folder(tmp_path, record):
    """Two images below a folder, one of two channels and three planes."""
    stack = np.zeros((2, 3, 8, 9), np.uint16)
    images = tmp_path / "images"
    (images / "deep").mkdir(parents=True)
    write_ome_tiff(images / "a.ome.tif", stack, "CZYX", record, channel_names=("DAPI", "trans"))
    write_ome_tiff(images / "deep" / "b.ome.tif", stack[0, 0], "YX")
    (images / "broken.tif").write_bytes(b"II*\0")
    return images


@pytest.fixture
def of_folder(folder):
    loaded = result(load_folder(folder, CancelToken()))
    return CohortSheet(loaded.entries, loaded.specs, History())


@pytest.fixture
def of_layers(viewer, add_stack):
    images = [add_stack(name) for name in ("first", "second", "third")]
    history = History()
    return CohortSheet([LayerEntry(i, lambda: images) for i in images], {}, history), history


def test_a_row_a_layer_and_an_edit_goes_into_it(viewer, of_layers):
    sheet, history = of_layers
    assert column(sheet, "Image") == ["first", "second", "third"]
    assert column(sheet, "Magnification") == ["20", "20", "20"]
    sheet.write({cell(sheet, 0, "Modality"): "DIC", cell(sheet, 2, "Modality"): "DIC"})
    found = [known.condition_of(i)["modality"] for i in viewer.layers]
    assert found == ["DIC", "fluorescence", "DIC"]
    history.undo()
    assert column(sheet, "Modality") == ["fluorescence"] * 3, "it was not one step"


def test_what_differs_from_plane_to_plane_is_a_range_and_not_edited_here(of_layers):
    sheet, _ = of_layers
    at = cell(sheet, 0, "Offset")
    assert sheet.text(*at) == ""
    assert sheet.varying(*at) == "-1.5 … 1.5"
    assert not sheet.editable(*at)
    assert "All planes" in sheet.problem(*at, "3")


def test_one_bad_cell_refuses_them_all(of_layers):
    sheet, history = of_layers
    with pytest.raises(InputError, match=r"second: .*must be a number"):
        sheet.write({cell(sheet, 0, "Exposure"): "5", cell(sheet, 1, "Exposure"): "long"})
    assert column(sheet, "Exposure") == ["", "", ""]
    assert not history.can_undo


def test_rows_are_sorted_by_value_with_the_unknown_last_either_way(of_layers):
    sheet, _ = of_layers
    sheet.write({cell(sheet, 0, "Exposure"): "100", cell(sheet, 1, "Exposure"): "20"})
    at = cell(sheet, 0, "Exposure")[1]
    sheet.sort(at, descending=False)
    assert column(sheet, "Exposure") == ["20", "100", ""]
    sheet.sort(at, descending=True)
    assert column(sheet, "Exposure") == ["100", "20", ""]
    sheet.write({cell(sheet, 2, "Exposure"): "7"})
    assert known.condition_of(sheet.entry(2).layer)["exposure_ms"] == 7.0


def test_rows_are_filtered_by_every_word(of_layers):
    sheet, _ = of_layers
    sheet.filter("20 SECOND")
    assert column(sheet, "Image") == ["second"]
    sheet.filter("")
    assert sheet.row_count == 3


def test_a_folder_gives_a_row_a_channel_and_says_what_could_not_be_read(folder, of_folder):
    loaded = result(load_folder(folder, CancelToken()))
    assert column(of_folder, "Image") == ["a.ome.tif · DAPI", "a.ome.tif · trans", "deep/b.ome.tif"]
    assert column(of_folder, "Modality") == ["fluorescence", "brightfield", ""]
    assert len(loaded.problems) == 1
    assert "broken.tif" in loaded.problems[0]


def test_reading_a_folder_can_be_stopped(folder):
    token = CancelToken()
    work = load_folder(folder, token)
    next(work)
    token.cancel()
    with pytest.raises(Cancelled):
        list(work)


def test_edits_of_a_folder_are_saved_beside_each_image(folder, of_folder):
    sheet = of_folder
    sheet.write({cell(sheet, 0, "Exposure"): "5", cell(sheet, 2, "Magnification"): "40"})
    assert [p.path.name for p in unsaved_images(sheet.entries)] == ["a.ome.tif", "b.ome.tif"]
    done = result(save_images(unsaved_images(sheet.entries), CancelToken()))
    for image in done.images:
        image.done()
    assert not unsaved_images(sheet.entries)
    scene = json.loads(sidecar_path(folder / "a.ome.tif").read_text())["scenes"][0]
    assert scene["channels"] == [{"c": 0, "values": {"exposure_ms": 5.0}}]
    again = CohortSheet(result(load_folder(folder, CancelToken())).entries, {}, History())
    assert column(again, "Magnification") == ["20", "20", "40"]


def test_a_row_is_opened_with_what_was_stated_in_it(viewer, of_folder):
    sheet = of_folder
    sheet.write({cell(sheet, 1, "Exposure"): "5"})
    layer = open_entry(viewer, sheet.entry(1))
    assert viewer.layers.selection.active is layer
    assert layer.name.endswith("trans")
    assert known.condition_of(layer)["exposure_ms"] == 5.0
    assert open_entry(viewer, sheet.entry(1)) is layer, "it was opened twice"


@pytest.fixture
def table(tmp_path, folder):
    fields = [FieldSpec("cell line", "text", "cell line", "", ("HeLa", "U2OS"), strict=True)]
    write_project(tmp_path / "metaseg-project.json", fields)
    path = tmp_path / "cohort.csv"
    path.write_text(
        "image,labels,magnification,split,plate number,cell line\n"
        "images/a.ome.tif,m.tif,63,train,007,HeLa\n"
        "images/none.tif,,,test,008,\n"
    )
    return path


def test_a_tables_cells_win_over_what_the_image_says(table):
    loaded = result(load_table(table, CancelToken()))
    sheet = CohortSheet(loaded.entries, loaded.specs, History())
    assert column(sheet, "Magnification") == ["63", ""]
    assert column(sheet, "Modality") == ["fluorescence", ""]
    assert column(sheet, "cell line") == ["HeLa", ""]
    assert column(sheet, "plate number") == ["007", "008"]
    assert len(loaded.problems) == 1


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_is_exported_with_relative_paths_and_read_again(table, tmp_path, ending):
    pytest.importorskip("pyarrow")
    loaded = result(load_table(table, CancelToken()))
    sheet = CohortSheet(loaded.entries, loaded.specs, History())
    sheet.write(
        {cell(sheet, 1, "split"): "train", cell(sheet, 1, "cell line"): "U2OS"},
    )
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / f"table.{ending}"
    assert export(sheet, path) == 2
    first, second = read_cohort(path, extra_fields=["cell line"])
    assert first.image.resolve() == (tmp_path / "images" / "a.ome.tif").resolve()
    assert first.labels.resolve() == (tmp_path / "m.tif").resolve()
    assert (first.stated["magnification"], first.stated["modality"]) == (63.0, "fluorescence")
    assert (second.split, second.stated) == ("train", {"cell line": "U2OS"})


def test_parquet_without_its_library_says_what_to_do(of_folder, tmp_path, monkeypatch):
    import pandas as pd

    def refuse(*_, **__):
        raise ImportError

    monkeypatch.setattr(pd.DataFrame, "to_parquet", refuse)
    with pytest.raises(InputError, match="pip install pyarrow"):
        export(of_folder, tmp_path / "out.parquet")
    assert not list(tmp_path.glob("*.parquet"))


def test_layers_without_a_file_are_no_rows_of_a_table(viewer, tmp_path):
    layer = viewer.add_image(np.zeros((4, 5)), name="noise")
    sheet = CohortSheet([LayerEntry(layer, lambda: [layer])], {}, History())
    with pytest.raises(InputError, match="no row to save"):
        export(sheet, tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("values", "words"),
    [((1.0, None, -3.0), "-3 … 1"), ((2.0, 2.0), "2"), ((True, False), "no / yes"), ((None,), "")],
)
def test_what_varies_is_told_as_a_range(values, words):
    assert value_range(values) == words


def test_a_layer_that_was_closed_cannot_be_opened(viewer, of_layers):
    sheet, _ = of_layers
    entry = sheet.entry(0)
    viewer.layers.remove(entry.layer)
    with pytest.raises(InputError, match="not open any more"):
        open_entry(viewer, entry)
    assert layers.image_layers(viewer)
