from __future__ import annotations

import json

import numpy as np
import pytest

from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken
from napari_metaseg.images.open import open_image
from napari_metaseg.images.sidecar import sidecar_path
from napari_metaseg.images.write import write_ome_tiff
from napari_metaseg.plugin import edits, known, layers, saved, saving
from napari_metaseg.plugin.layers import PlaneIndex
from napari_metaseg.plugin.reader import read

HERE = PlaneIndex(z=2)


@pytest.fixture
def path(tmp_path, record):
    """Two channels, three planes."""
    file = tmp_path / "a.ome.tif"
    pixels = np.arange(2 * 3 * 8 * 9, dtype=np.uint16).reshape(2, 3, 8, 9)
    write_ome_tiff(file, pixels, "CZYX", record, name="field", channel_names=("DAPI", "trans"))
    return file


@pytest.fixture
def open_file(viewer, path):
    def opened():
        viewer.layers.clear()
        return [viewer.add_image(data, **options) for data, options, _ in read(str(path))]

    return opened


def edited(opened):
    first, second = opened
    edits.edit(first, HERE, "magnification", "40", images=opened)
    edits.edit(first, HERE, "exposure_ms", "12", images=opened)
    edits.edit(second, HERE, "exposure_ms", "80", images=opened)
    edits.edit(second, HERE, "plane_offset_um", "9", images=opened)
    edits.edit(first, HERE, "pixel_size_um", "0.5", images=opened)


def test_saved_edits_are_there_again_when_the_file_is_opened(open_file, path):
    opened = open_file()
    edited(opened)
    assert saved.save_beside(opened[0], opened) == sidecar_path(path)
    first, second = open_file()
    assert known.field_of(first, "magnification", HERE).value == 40.0
    assert known.field_of(first, "exposure_ms", HERE).value == 12.0
    assert known.field_of(second, "exposure_ms", HERE).value == 80.0
    assert known.field_of(second, "plane_offset_um", HERE).value == 9.0
    assert tuple(first.scale[-2:]) == (0.5, 0.5)
    assert not saved.unsaved_count(first)
    assert saved.is_saved(first, "magnification", 40.0, HERE.key)


def test_a_saved_value_can_be_taken_back_like_any_other(open_file, path):
    opened = open_file()
    edited(opened)
    saved.save_beside(opened[0], opened)
    again = open_file()
    edits.edit(again[0], HERE, "magnification", "", images=again)
    assert known.field_of(again[0], "magnification").value == 20.0
    assert saved.unsaved_count(again[0]) == 1
    edits.revert_all(again[0], again)
    edits.revert_all(again[1], again)
    saved.save_beside(again[0], again)
    assert not sidecar_path(path).exists(), "nothing is stated any more"


def test_what_is_unsaved_is_counted(open_file):
    first, second = opened = open_file()
    assert not saved.unsaved_count(first)
    edits.edit(first, HERE, "magnification", "40", images=opened)
    assert saved.unsaved_count(first) == saved.unsaved_count(second) == 1
    saved.save_beside(first, opened)
    assert not saved.unsaved_count(second)
    edits.edit(first, HERE, "magnification", "63", images=opened)
    assert saved.unsaved_count(first) == 1


def test_statements_of_a_channel_that_is_not_open_stay(viewer, open_file, path):
    opened = open_file()
    edited(opened)
    saved.save_beside(opened[0], opened)
    first, second = open_file()
    viewer.layers.remove(second)
    edits.edit(first, HERE, "exposure_ms", "13")
    saved.save_beside(first, [first])
    channels = json.loads(sidecar_path(path).read_text())["scenes"][0]["channels"]
    assert [(c["c"], c["values"]["exposure_ms"]) for c in channels] == [(0, 13.0), (1, 80.0)]


def test_a_layer_without_a_file_says_so(viewer):
    layer = viewer.add_image(np.zeros((4, 5)))
    with pytest.raises(InputError, match="not opened from a file"):
        saved.save_beside(layer, [layer])


def test_a_copy_has_every_edit_and_the_same_pixels(open_file, tmp_path):
    opened = open_file()
    edited(opened)
    task = saving.save_task(opened[0], opened)
    out = tmp_path / "copy.ome.tif"
    list(saving.copy_work(task, out, CancelToken()))
    copy = open_image(out)
    np.testing.assert_array_equal(copy.plane(1, 2), opened[1].data[2].compute())
    assert copy.record.get("pixel_size_x_um").known
    from napari_metaseg.acquisition.condition import derive_condition

    assert derive_condition(copy.record, c=1, z=2)["exposure_ms"].value == 80.0
    assert derive_condition(copy.record)["magnification"].value == 40.0


def test_a_copy_is_offered_under_a_name_that_is_free(tmp_path):
    path = tmp_path / "a.ome.tif"
    assert saving.copy_place(path).name == "a_copy.ome.tif"
    (tmp_path / "a_copy.ome.tif").touch()
    assert saving.copy_place(path).name == "a_copy2.ome.tif"


def test_only_a_tiff_is_written_into(path):
    assert saving.why_not_into(path) == ""
    assert "save a copy" in saving.why_not_into(path.with_name("a.nd2"))


def test_opening_puts_what_the_sidecar_says_into_edits_and_leaves_the_record_alone(open_file):
    opened = open_file()
    edited(opened)
    saved.save_beside(opened[0], opened)
    (first, _) = open_file()
    assert layers.info(first)["declared"] == {"magnification": 40.0, "pixel_size_um": 0.5}
    assert known.file_value(first, "magnification") == 20.0
