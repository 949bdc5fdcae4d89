from __future__ import annotations

import numpy as np
import pytest

from napari_metaseg.plugin import layers
from napari_metaseg.plugin.learning import suggest_pairs
from napari_metaseg.plugin.previewing import (
    PreviewLayer,
    preview_item,
    preview_task,
    remove_previews,
)
from napari_metaseg.plugin.regions import MOST_PX, visible_region


def left_half(shape):
    probability = np.zeros((1, *shape), np.float32)
    probability[..., : shape[1] // 2] = 0.9
    return probability


@pytest.fixture
def large(viewer):
    """A large image of which the window shows the lower right part."""
    image = viewer.add_image(np.zeros((1500, 4000), np.uint8), name="large", scale=(0.5, 0.5))
    image.corner_pixels = np.array([[1200, 3000], [1499, 3999]])
    return image


def test_a_small_image_is_previewed_whole(viewer, add_stack):
    assert visible_region(add_stack()) == (slice(0, 24), slice(0, 32))


def test_of_a_large_image_what_is_in_view_is_previewed(large):
    rows, columns = visible_region(large)
    assert rows.stop <= 1500
    assert rows.start <= 1200
    assert columns.start <= 3000
    assert columns.stop >= 3999
    assert columns.stop - columns.start <= MOST_PX


def test_an_image_that_was_never_drawn_is_previewed_around_its_middle(viewer):
    image = viewer.add_image(np.zeros((1500, 4000), np.uint8))
    image.corner_pixels = np.zeros((2, 2), int)
    rows, columns = visible_region(image)
    assert (rows.start + rows.stop) // 2 == 750
    assert (columns.start + columns.stop) // 2 == 2000


def test_of_a_pyramid_the_view_is_told_at_full_resolution(viewer):
    levels = [np.zeros((4000 // 2**i, 4000 // 2**i), np.uint8) for i in range(3)]
    image = viewer.add_image(levels, multiscale=True)
    image.data_level = 2
    image.corner_pixels = np.array([[700, 0], [900, 200]])
    rows, columns = visible_region(image)
    assert rows.start <= 2800
    assert rows.stop >= 3600
    assert columns.start == 0


def test_the_pixels_that_are_read_are_those_of_plane_and_region(viewer, add_stack):
    image = add_stack()
    task = preview_task(image, layers.PlaneIndex(z=2), (slice(4, 10), slice(8, 20)))
    np.testing.assert_array_equal(task.read()[0], image.data[2, 4:10, 8:20])
    assert task.condition["plane_offset_um"] == 1.5


def test_pixels_that_are_no_numbers_do_not_stop_the_training(viewer):
    image = viewer.add_image(np.array([[np.nan, np.inf], [1.0, 2.0]], np.float32))
    item = preview_item(preview_task(image, layers.PlaneIndex(), (slice(0, 2), slice(0, 2))))
    np.testing.assert_array_equal(item.image, [[[0, 0], [1, 2]]])
    assert item.target is None


@pytest.mark.parametrize("turned", [{}, {"rotate": 30.0, "shear": [0.2], "translate": (7.0, -3.0)}])
def test_the_layer_lies_exactly_on_the_pixels_that_it_shows(viewer, turned):
    image = viewer.add_image(np.zeros((50, 60)), scale=(0.5, 0.25), units=("um", "um"), **turned)
    shown = PreviewLayer(viewer, image, layers.PlaneIndex(), (slice(10, 30), slice(20, 60))).layer
    assert shown.data.shape == (20, 40)
    np.testing.assert_allclose(shown.scale, image.scale)
    assert shown.units == image.units
    for corner in ((0, 0), (19, 39)):
        there = image.data_to_world((corner[0] + 10, corner[1] + 20))
        np.testing.assert_allclose(shown.data_to_world(corner), there)


def test_in_a_stack_it_lies_on_its_plane_alone(viewer, add_stack):
    image = add_stack()
    region = visible_region(image)
    shown = PreviewLayer(viewer, image, layers.PlaneIndex(z=2), region).layer
    assert shown.data.shape == (1, 24, 32)
    np.testing.assert_allclose(shown.data_to_world((0, 0, 0)), image.data_to_world((2, 0, 0)))


@pytest.fixture
def preview(viewer, blobs):
    """A preview of an annotated image that is selected to be painted on."""
    image, truth = blobs()
    viewer.layers.selection.active = truth
    return PreviewLayer(viewer, image, layers.PlaneIndex(), visible_region(image))


def test_it_leaves_the_selection_and_the_annotation_alone(viewer, preview):
    truth = viewer.layers["discs annotation"]
    before = truth.data.copy()
    preview.show(left_half((64, 64)))
    assert viewer.layers.selection.active is truth
    np.testing.assert_array_equal(truth.data, before)


def test_masks_follow_each_other_in_one_layer_that_keeps_its_looks(viewer, preview):
    preview.show(left_half((64, 64)))
    assert preview.layer.data[:, :32].all()
    assert not preview.layer.data[:, 32:].any()
    preview.layer.opacity, preview.layer.contour, preview.layer.visible = 0.3, 0, False
    assert preview.show(np.zeros((1, 64, 64), np.float32))
    assert not preview.layer.data.any()
    assert (preview.layer.opacity, preview.layer.contour, preview.layer.visible) == (0.3, 0, False)
    assert len(layers.labels_layers(viewer, "preview")) == 1


def test_several_classes_keep_their_numbers(preview):
    probability = np.zeros((3, 64, 64), np.float32)
    probability[2, :5], probability[0, 5:] = 1, 1
    preview.show(probability)
    assert set(preview.layer.data[:5].ravel()) == {2}


def test_once_deleted_it_shows_nothing_any_more(viewer, preview):
    viewer.layers.remove(preview.layer)
    assert not preview.show(left_half((64, 64)))
    preview.end()
    assert not layers.labels_layers(viewer, "preview")


def test_a_layer_without_any_mask_is_taken_away_at_the_end(viewer, preview):
    preview.end()
    assert not layers.labels_layers(viewer, "preview")


def test_the_last_mask_stays(viewer, preview):
    preview.show(left_half((64, 64)))
    preview.end()
    assert layers.labels_layers(viewer, "preview") == [preview.layer]


def test_it_is_no_annotation_to_learn_from(viewer, preview):
    (pair,) = suggest_pairs(viewer)
    assert pair[1] is viewer.layers["discs annotation"]


def test_previews_of_one_image_are_taken_away(viewer, preview, add_stack):
    other = add_stack()
    PreviewLayer(viewer, other, layers.PlaneIndex(), visible_region(other))
    remove_previews(viewer, other)
    assert layers.labels_layers(viewer, "preview") == [preview.layer]
