from __future__ import annotations

import numpy as np
import pytest

from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken
from napari_metaseg.plugin import layers
from napari_metaseg.plugin.annotate import add_annotation
from napari_metaseg.plugin.learning import (
    LayerPair,
    Trained,
    annotated_planes,
    free_name,
    make_request,
    suggest_pairs,
    train_on_planes,
    varying_fields,
)

TINY = {"steps": 3, "width": 4, "depth": 2, "patch_px": 32, "batch_size": 2, "device": "cpu"}


def drain(generator):
    events = []
    while True:
        try:
            events.append(next(generator))
        except StopIteration as stop:
            return events, stop.value


def test_images_are_paired_with_the_labels_that_annotate_them(viewer, blobs):
    image, truth = blobs("one")
    bare, _ = blobs("two")
    viewer.layers.remove("two annotation")
    viewer.add_labels(np.zeros((64, 64), int), metadata=layers.partner_entry(image, "segmentation"))
    assert suggest_pairs(viewer) == [(image, truth), (bare, None)]


def test_of_a_stack_only_annotated_planes_are_learned_from(viewer, add_stack):
    image = add_stack()
    labels = add_annotation(viewer, image)
    labels.data[1, 3:6, 3:6] = 1
    planes = annotated_planes(LayerPair(image, labels), "instances")
    assert [p.task.plane.z for p in planes] == [1]
    assert planes[0].task.condition["plane_offset_um"] == 0.0


def test_a_plane_keeps_the_labels_it_was_made_with(viewer, blobs):
    image, truth = blobs()
    plane = annotated_planes(LayerPair(image, truth), "instances")[0]
    before = plane.labels.copy()
    truth.data[:] = 0
    np.testing.assert_array_equal(plane.labels, before)


def test_labels_of_another_shape_are_refused_with_the_way_out(viewer, blobs):
    image, _ = blobs()
    other = viewer.add_labels(np.zeros((9, 9), int), name="other")
    with pytest.raises(InputError, match="New annotation layer"):
        annotated_planes(LayerPair(image, other), "instances")


def test_only_fields_that_differ_can_be_learned_from():
    conditions = [{"magnification": 10.0, "modality": "DIC"}, {"magnification": 20.0}]
    assert varying_fields(conditions) == ("magnification", "modality")
    assert varying_fields(conditions[:1]) == ()


def test_a_setting_that_cannot_be_used_is_named():
    with pytest.raises(InputError, match="the setting batch size"):
        make_request(TINY | {"batch_size": 0})


def test_layers_become_a_model_that_is_loaded(viewer, blobs, tmp_path):
    pairs = [LayerPair(*blobs(f"disc{m:g}", m)) for m in (10.0, 20.0, 40.0)]
    planes = [p for pair in pairs for p in annotated_planes(pair, "instances")]
    request = make_request(TINY | {"name": "tiny", "class_names": ("discs",)})
    _, result = drain(train_on_planes(request, planes, tmp_path / "tiny", CancelToken()))
    assert isinstance(result, Trained)
    manifest = result.model.package.manifest
    assert manifest.classes == ("discs",)
    assert "magnification" in manifest.metadata_schema.names
    assert len(manifest.split.val) == 1, "no image was kept aside"


def test_a_name_that_is_taken_gets_a_number(tmp_path):
    assert free_name(tmp_path / "absent", "m") == "m"
    (tmp_path / "m").mkdir()
    (tmp_path / "m 2").mkdir()
    assert free_name(tmp_path, "m") == "m 3"
