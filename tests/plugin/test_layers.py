from __future__ import annotations

import numpy as np
import pytest

from napari_metaseg.plugin import calibration, known, layers
from napari_metaseg.plugin.layers import PlaneIndex


def test_axes_are_those_stated_by_the_reader(add_stack):
    assert layers.axes_of(add_stack()) == "ZYX"


@pytest.mark.parametrize(
    ("shape", "axis_labels", "axes"),
    [
        ((4, 5), None, "YX"),
        ((3, 4, 5), None, "ZYX"),
        ((2, 3, 4, 5), None, "TZYX"),
        ((2, 4, 5), ("t", "y", "x"), "TYX"),
        ((2, 3, 4, 5), ("time", "z", "y", "x"), "TZYX"),
    ],
)
def test_axes_of_a_layer_from_elsewhere_are_read_from_its_labels_or_guessed(
    viewer, shape, axis_labels, axes
):
    layer = viewer.add_image(np.zeros(shape), axis_labels=axis_labels)
    assert layers.axes_of(layer) == axes


def test_an_rgb_image_has_one_plane_without_its_samples(viewer):
    layer = viewer.add_image(np.zeros((8, 9, 3), np.uint8), rgb=True)
    assert layers.layer_shape(layer) == (8, 9)
    assert layers.raw_plane(layer, PlaneIndex()).shape == (1, 8, 9)


def test_the_shown_plane_follows_the_slider_of_a_scaled_stack(viewer, add_stack):
    layer = add_stack()
    viewer.dims.set_current_step(0, 2)
    assert layers.shown_plane(layer, viewer) == PlaneIndex(z=2)
    assert layers.raw_plane(layer, PlaneIndex(z=2))[0, 0, 0] == layer.data[2, 0, 0]


def test_the_slider_goes_where_it_is_sent_even_beside_a_longer_layer(viewer, add_stack):
    viewer.add_image(np.zeros((4, 9, 24, 32)), scale=(1, 0.75, 0.325, 0.325))
    layer = add_stack()
    layers.show_plane(layer, viewer, PlaneIndex(z=2))
    assert layers.shown_plane(layer, viewer) == PlaneIndex(z=2)


def test_each_plane_has_its_own_condition(add_stack):
    layer = add_stack()
    offsets = [known.condition_of(layer, p)["plane_offset_um"] for p in layers.planes(layer)]
    assert offsets == [-1.5, 0.0, 1.5]


def test_the_pixel_size_is_the_layers_scale_in_micrometres(viewer):
    layer = viewer.add_image(np.zeros((4, 5)), scale=(2e-4, 2e-4), units=("mm", "mm"))
    assert calibration.pixel_size_um(layer) == pytest.approx(0.2)
    assert known.condition_of(layer)["pixel_size_um"] == pytest.approx(0.2)


def test_a_layer_in_pixels_has_no_pixel_size(viewer):
    layer = viewer.add_image(np.zeros((4, 5)))
    assert calibration.pixel_size_um(layer) is None
    assert "pixel_size_um" not in known.condition_of(layer)


def test_a_scale_changed_elsewhere_in_napari_counts_as_an_edit(add_stack):
    layer = add_stack()
    layer.scale = (1.5, 0.5, 0.5)
    found = known.condition_fields(layer)["pixel_size_um"]
    assert (found.value, found.source) == (0.5, "user")


def test_updating_the_entry_emits_the_metadata_event_and_keeps_other_plugins_metadata(add_stack):
    layer, seen = add_stack(), []
    layer.metadata = {**layer.metadata, "other": 1}
    layer.events.metadata.connect(lambda event: seen.append(event))
    before = layer.metadata["metaseg"]
    layers.update_info(layer, group="A")
    assert len(seen) == 1
    assert layer.metadata["other"] == 1
    assert "group" not in before, "the old entry was mutated"


def test_geometry_carries_every_part_of_a_layers_place(viewer):
    source = viewer.add_image(
        np.zeros((3, 8, 9)),
        scale=(2, 0.5, 0.4),
        units=("um", "um", "um"),
        axis_labels=("z", "y", "x"),
        translate=(1, 2, 3),
        rotate=(0, 0, 30),
        shear=(0.1, 0, 0),
        affine=np.diag([1, 2, 2, 1]),
    )
    copy = viewer.add_labels(np.zeros((3, 8, 9), int), **layers.geometry(source))
    corners = np.array([[0, 0, 0], [2, 7, 8]])
    for corner in corners:
        np.testing.assert_allclose(copy.data_to_world(corner), source.data_to_world(corner))
    assert copy.units == source.units
    assert copy.axis_labels == source.axis_labels


def test_a_labels_layer_finds_its_image_by_identity_name_or_shape(viewer, add_stack):
    first, second = add_stack("first"), add_stack("second")
    made = viewer.add_labels(
        np.zeros((3, 24, 32), int), metadata=layers.partner_entry(first, "annotation")
    )
    named = viewer.add_labels(np.zeros((3, 24, 32), int), name="second by hand")
    other = viewer.add_labels(np.zeros((5, 5), int), name="elsewhere")
    first.name = "renamed"
    assert layers.image_of(made, viewer) is first
    assert layers.image_of(named, viewer) is second
    assert layers.image_of(other, viewer) is None


def test_predicted_probabilities_are_no_images_to_work_on(viewer, add_stack):
    image = add_stack()
    viewer.add_image(np.zeros((3, 24, 32)), metadata=layers.partner_entry(image, "probability"))
    assert layers.image_layers(viewer) == [image]
