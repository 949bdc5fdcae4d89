from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from napari_metaseg.plugin import layers, outputs
from napari_metaseg.plugin.layers import PlaneIndex


def prediction(value, classes=1):
    shape = (24, 32)
    first = np.full((1, *shape), value, np.float32)
    several = np.concatenate([first, *[1 - first] * classes]) if classes > 1 else first
    return SimpleNamespace(
        probability=several,
        classes=np.full(shape, classes, np.uint8),
        labels=np.full(shape, 7, np.int32),
    )


def test_predictions_lie_on_their_image_in_its_units(viewer, add_stack):
    image = add_stack()
    image.translate, image.rotate = (0, 3, 4), (0, 0, 20)
    made = outputs.outputs_for(viewer, image, "m", classes=False)
    corner = (2, 23, 31)
    for layer in (made.labels, made.probability):
        np.testing.assert_allclose(layer.data_to_world(corner), image.data_to_world(corner))
        assert (layer.units, layer.axis_labels) == (image.units, image.axis_labels)
        assert layers.image_of(layer, viewer) is image


def test_planes_are_filled_one_by_one_and_counted(viewer, add_stack):
    image = add_stack()
    made = outputs.outputs_for(viewer, image, "m", classes=False)
    outputs.write_prediction(made, PlaneIndex(z=1), prediction(0.8))
    assert outputs.planes_done(made.labels) == [PlaneIndex(z=1)]
    assert made.labels.data[1].all()
    assert not made.labels.data[0].any()
    np.testing.assert_allclose(made.probability.data[1], 0.8)


def test_with_several_classes_the_probability_is_that_of_any_foreground(viewer, add_stack):
    made = outputs.outputs_for(viewer, add_stack(), "m", classes=True)
    outputs.write_prediction(made, PlaneIndex(), prediction(0.3, classes=2))
    np.testing.assert_allclose(made.probability.data[0], 0.7, rtol=1e-6)
    assert (made.classes.data[0] == 2).all()


def test_depth_is_kept_hidden_beside_the_probability(viewer, add_stack):
    image = add_stack()
    made = outputs.outputs_for(viewer, image, "m", classes=False, depth=True)
    found = prediction(0.8)
    found.depth = np.full((24, 32), 0.4, np.float32)
    outputs.write_prediction(made, PlaneIndex(z=1), found)
    np.testing.assert_allclose(outputs.plane_of(made.depth, PlaneIndex(z=1)), 0.4)
    assert not made.depth.visible
    assert outputs.find_outputs(viewer, image).depth is made.depth
    assert layers.image_layers(viewer) == [image]


def test_a_model_without_depth_takes_the_depth_of_an_earlier_one_away(viewer, add_stack):
    image = add_stack()
    made = outputs.outputs_for(viewer, image, "m", classes=False, depth=True)
    again = outputs.outputs_for(viewer, image, "m", classes=False)
    assert again.depth is None
    assert made.depth not in viewer.layers


def test_the_same_layers_are_used_again_and_emptied_for_another_model(viewer, add_stack):
    image = add_stack()
    first = outputs.outputs_for(viewer, image, "one", classes=False)
    outputs.write_prediction(first, PlaneIndex(), prediction(0.9))
    assert outputs.outputs_for(viewer, image, "one", classes=False) == first
    again = outputs.outputs_for(viewer, image, "two", classes=False)
    assert again == first
    assert not again.labels.data.any()
    assert outputs.planes_done(again.labels) == []


def test_what_a_person_painted_is_never_overwritten(viewer, add_stack):
    image = add_stack()
    made = outputs.outputs_for(viewer, image, "m", classes=False)
    made.labels.paint((1, 5, 5), 3)
    assert outputs.is_corrected(made.labels)
    again = outputs.outputs_for(viewer, image, "m", classes=False)
    assert again.labels is not made.labels
    assert made.labels in viewer.layers
    assert layers.info(made.labels)["role"] == "annotation"
    assert made.labels.data[1, 5, 5] == 3


def test_error_layers_come_and_go_together(viewer, add_stack):
    image = add_stack()
    layer = outputs.errors_layer(viewer, image)
    assert outputs.errors_layer(viewer, image) is layer
    outputs.remove_errors(viewer)
    assert layer not in viewer.layers
