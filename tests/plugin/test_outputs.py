from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_metaseg.plugin import layers, outputs
from napari_metaseg.plugin.cutting import Part
from napari_metaseg.plugin.layers import PlaneIndex
from napari_metaseg.plugin.trial_layer import TrialLayer


def prediction(value, classes=1, shape=(24, 32)):
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


SOURCES = {
    "anisotropic": ("zyx", (3, 24, 32), {"scale": (2.0, 0.5, 0.25)}),
    "rotated": ("yx", (24, 32), {"scale": (0.5, 0.5), "rotate": 30.0}),
    "sheared": ("yx", (24, 32), {"scale": (0.5, 0.5), "shear": [0.3]}),
    "affine": ("yx", (24, 32), {"affine": [[0.9, -0.4, 3.0], [0.4, 0.9, -7.0], [0, 0, 1]]}),
    "cropped": ("yx", (24, 32), {"scale": (0.5, 0.5), "translate": (120.5, 64.0)}),
    "turned stack": (
        "zyx",
        (3, 24, 32),
        {"scale": (2.0, 0.5, 0.5), "rotate": (0, 0, 20), "translate": (1.0, 2.0, 3.0)},
    ),
    "channels": ("cyx", (2, 24, 32), {"scale": (1.0, 0.5, 0.5)}),
    "time series": ("tyx", (4, 24, 32), {"scale": (10.0, 0.5, 0.5)}),
    "time, channels and z": ("tczyx", (2, 2, 3, 24, 32), {"scale": (10.0, 1.0, 2.0, 0.5, 0.5)}),
}
UNITS = {"t": "second", "c": "pixel", "z": "um", "y": "um", "x": "um"}


@pytest.fixture(params=list(SOURCES))
def source(request, viewer):
    """An image that lies in the world in some way of its own."""
    axes, shape, place = SOURCES[request.param]
    return viewer.add_image(
        np.zeros(shape, np.uint8),
        axis_labels=tuple(axes),
        units=tuple(UNITS[axis] for axis in axes),
        **place,
    )


def assert_same_place(layer, image, shift=0.0):
    assert (layer.units, layer.axis_labels) == (image.units, image.axis_labels)
    for name in ("scale", "rotate", "shear"):
        np.testing.assert_allclose(getattr(layer, name), getattr(image, name))
    np.testing.assert_allclose(layer.affine.affine_matrix, image.affine.affine_matrix)
    for corner in (np.zeros(image.ndim), np.array(layer.data.shape) - 1.0):
        np.testing.assert_allclose(
            layer.data_to_world(corner), image.data_to_world(corner + shift), atol=1e-9
        )


def test_outputs_keep_everything_that_places_their_source(viewer, source):
    made = outputs.outputs_for(viewer, source, "m", classes=True, depth=True)
    errors = outputs.errors_layer(viewer, source)
    for layer in (made.labels, made.probability, made.classes, made.depth, errors):
        assert layer.data.shape == source.data.shape
        np.testing.assert_allclose(layer.translate, source.translate)
        assert_same_place(layer, source)


def test_a_layer_of_a_part_lies_on_that_part_of_its_source(viewer, source):
    region, plane = (slice(4, 20), slice(8, 30)), layers.planes(source)[-1]
    layer = TrialLayer(viewer)
    layer.show(source, plane, region, np.ones((16, 22), np.uint8))
    at = layers.plane_slices(source, plane)
    first = np.array([*(float(i) for i in at[:-2]), 4.0, 8.0])
    assert_same_place(layer.layer, source, first)
    layer.show(source, plane, (slice(0, 24), slice(0, 32)), np.ones((24, 32), np.uint8))
    assert_same_place(layer.layer, source, np.array([*first[:-2], 0.0, 0.0]))


def test_a_part_is_written_and_the_rest_is_left_as_it_is(viewer, add_stack):
    made = outputs.outputs_for(viewer, add_stack(), "m", classes=False)
    whole, part = Part(PlaneIndex(z=1)), Part(PlaneIndex(z=2), (slice(4, 10), slice(8, 20)))
    outputs.write_prediction(made, whole, prediction(0.8))
    outputs.write_prediction(made, part, prediction(0.6, shape=(6, 12)))
    np.testing.assert_allclose(outputs.part_of(made.probability, part), 0.6)
    assert made.labels.data[2].astype(bool).sum() == 6 * 12
    assert made.labels.data[1].all()
    assert outputs.parts_done(made.labels) == [whole, part]
    assert outputs.planes_done(made.labels) == [whole.plane], "a part is no whole plane"


def test_objects_of_another_part_get_numbers_of_their_own(viewer, add_stack):
    made = outputs.outputs_for(viewer, add_stack(), "m", classes=False)
    left, right = (Part(PlaneIndex(), (slice(0, 24), slice(x, x + 12))) for x in (0, 12))
    for part in (left, right, left):
        outputs.write_prediction(made, part, prediction(0.6, shape=(24, 12)))
    assert len(outputs.parts_done(made.labels)) == 2
    both = outputs.objects_in(made.labels, [left, right])
    assert both.shape == (24 * 24,)
    assert len(set(both.tolist())) == 2


def test_a_part_takes_the_place_of_those_within_it(viewer, add_stack):
    made = outputs.outputs_for(viewer, add_stack(), "m", classes=False)
    inner, outer = (slice(4, 10), slice(8, 20)), (slice(2, 12), slice(8, 24))
    for region in (inner, outer, inner):
        shape = tuple(along.stop - along.start for along in region)
        part = Part(PlaneIndex(), region)
        outputs.write_prediction(made, part, prediction(0.6, shape=shape))
    assert [part.region for part in outputs.parts_done(made.labels)] == [outer, inner]
    assert outputs.objects_in(made.labels, outputs.parts_done(made.labels)).size == 10 * 16


def test_a_whole_plane_takes_the_place_of_its_parts(viewer, add_stack):
    made = outputs.outputs_for(viewer, add_stack(), "m", classes=False)
    part = Part(PlaneIndex(), (slice(0, 6), slice(0, 12)))
    outputs.write_prediction(made, part, prediction(0.6, shape=(6, 12)))
    outputs.write_prediction(made, Part(PlaneIndex()), prediction(0.8))
    assert outputs.parts_done(made.labels) == [Part(PlaneIndex())]


def test_planes_are_filled_one_by_one_and_counted(viewer, add_stack):
    image = add_stack()
    made = outputs.outputs_for(viewer, image, "m", classes=False)
    outputs.write_prediction(made, Part(PlaneIndex(z=1)), prediction(0.8))
    assert outputs.planes_done(made.labels) == [PlaneIndex(z=1)]
    assert made.labels.data[1].all()
    assert not made.labels.data[0].any()
    np.testing.assert_allclose(made.probability.data[1], 0.8)


def test_with_several_classes_the_probability_is_that_of_any_foreground(viewer, add_stack):
    made = outputs.outputs_for(viewer, add_stack(), "m", classes=True)
    outputs.write_prediction(made, Part(PlaneIndex()), prediction(0.3, classes=2))
    np.testing.assert_allclose(made.probability.data[0], 0.7, rtol=1e-6)
    assert (made.classes.data[0] == 2).all()


def test_depth_is_kept_hidden_beside_the_probability(viewer, add_stack):
    image = add_stack()
    made = outputs.outputs_for(viewer, image, "m", classes=False, depth=True)
    found = prediction(0.8)
    found.depth = np.full((24, 32), 0.4, np.float32)
    outputs.write_prediction(made, Part(PlaneIndex(z=1)), found)
    np.testing.assert_allclose(outputs.part_of(made.depth, Part(PlaneIndex(z=1))), 0.4)
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
    outputs.write_prediction(first, Part(PlaneIndex()), prediction(0.9))
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
