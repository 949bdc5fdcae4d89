from __future__ import annotations

import numpy as np
import pytest

from napari_metaseg.acquisition.condition import condition_values, derive_condition
from napari_metaseg.images.open import open_image
from napari_metaseg.plugin import edits, layers, writer
from napari_metaseg.plugin.annotate import add_annotation
from napari_metaseg.plugin.layers import PlaneIndex


@pytest.fixture(autouse=True)
def in_this_viewer(viewer, monkeypatch):
    monkeypatch.setattr(layers, "current_viewer", lambda: viewer)


def saved(layer, path):
    write = writer.write_labels if type(layer).__name__ == "Labels" else writer.write_image
    data, meta, _ = layer.as_layer_data_tuple()
    assert write(str(path), data, meta) == [str(path)]
    return open_image(path)


def test_an_image_is_saved_with_its_record_edits_and_scale(add_stack, tmp_path):
    layer = add_stack()
    edits.edit(layer, PlaneIndex(), "exposure_ms", "33")
    edits.edit(layer, PlaneIndex(), "pixel_size_um", "0.5")
    found = saved(layer, tmp_path / "out.ome.tif")
    assert (found.axes, found.shape) == ("ZYX", (3, 24, 32))
    known = condition_values(derive_condition(found.record, z=2))
    assert (known["magnification"], known["exposure_ms"]) == (20.0, 33.0)
    assert (known["pixel_size_um"], known["plane_offset_um"]) == (0.5, 1.5)
    np.testing.assert_array_equal(found.plane(z=2), layer.data[2])


def test_labels_are_saved_with_the_record_of_their_image(viewer, add_stack, tmp_path):
    image = add_stack()
    edits.edit(image, PlaneIndex(), "modality", "DIC")
    labels = add_annotation(viewer, image)
    labels.data[1, 3:5, 4:9] = 7
    found = saved(labels, tmp_path / "mask.ome.tif")
    assert derive_condition(found.record)["modality"].value == "DIC"
    assert found.record.get("pixel_size_z_um").value == 1.5
    assert found.plane(z=1).max() == 7


def test_the_second_channel_is_saved_as_the_only_one(viewer, record, tmp_path):
    entry = layers.new_info(path="/a.tif", scene="a", axes="YX", channel=1, record=record)
    layer = viewer.add_image(np.ones((8, 9), np.uint8), metadata={layers.KEY: entry})
    found = saved(layer, tmp_path / "trans.ome.tif")
    assert found.record.channel(0).name == "trans"
    assert derive_condition(found.record)["modality"].value == "brightfield"


def test_a_layer_from_elsewhere_is_saved_with_its_scale(viewer, tmp_path):
    layer = viewer.add_labels(
        np.ones((8, 9), np.int32), scale=(0.4, 0.4), units=("um", "um"), name="from elsewhere"
    )
    found = saved(layer, tmp_path / "mask.ome.tif")
    assert derive_condition(found.record)["pixel_size_um"].value == pytest.approx(0.4)


def test_labels_go_into_the_ome_zarr_of_their_image(viewer, add_stack, tmp_path):
    pytest.importorskip("ome_zarr", minversion="0.18")
    image = add_stack()
    saved(image, tmp_path / "cells.ome.zarr")
    labels = add_annotation(viewer, image)
    labels.data[0, 2:4, 2:4] = 3
    data, meta, _ = labels.as_layer_data_tuple()
    written = writer.write_labels(
        str(tmp_path / "cells.ome.zarr" / "labels" / "nuclei.zarr"), data, meta
    )
    assert written == [str(tmp_path / "cells.ome.zarr" / "labels" / "nuclei")]
    assert open_image(tmp_path / "cells.ome.zarr" / "labels" / "nuclei").plane().max() == 3
