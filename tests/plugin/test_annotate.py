from __future__ import annotations

import numpy as np
import pytest

from napari_metaseg.errors import InputError
from napari_metaseg.plugin import layers
from napari_metaseg.plugin.annotate import add_annotation


def test_an_annotation_layer_lies_exactly_on_its_image_and_is_ready_to_paint(viewer, add_stack):
    image = add_stack()
    image.translate = (0, 5, 7)
    made = add_annotation(viewer)
    assert made.data.shape == image.data.shape
    assert np.issubdtype(made.data.dtype, np.integer)
    assert not made.data.any()
    np.testing.assert_allclose(made.scale, image.scale)
    np.testing.assert_allclose(made.translate, image.translate)
    assert made.units == image.units
    assert made.axis_labels == image.axis_labels
    assert made.mode == "paint"
    assert viewer.layers.selection.active is made
    assert layers.image_of(made, viewer) is image


def test_an_rgb_image_gets_labels_without_samples(viewer):
    viewer.add_image(np.zeros((8, 9, 3), np.uint8), rgb=True)
    assert add_annotation(viewer).data.shape == (8, 9)


def test_with_labels_selected_the_image_they_belong_to_is_annotated(viewer, add_stack):
    first, _second = add_stack("first"), add_stack("second")
    viewer.layers.selection.active = add_annotation(viewer, first)
    assert layers.image_of(add_annotation(viewer), viewer) is first


def test_without_an_image_it_says_what_to_do(viewer):
    with pytest.raises(InputError, match="Open an image first"):
        add_annotation(viewer)
