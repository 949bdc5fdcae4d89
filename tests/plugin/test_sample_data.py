from __future__ import annotations

import numpy as np
import pytest

from napari_metaseg.plugin import known, layers, sample_data
from napari_metaseg.plugin.learning import suggest_pairs


def add_all(viewer, found):
    return [getattr(viewer, f"add_{kind}")(data, **options) for data, options, kind in found]


def test_the_focus_series_comes_with_its_annotation_and_a_offset_for_each_plane(viewer):
    image, truth = add_all(viewer, sample_data.focus_series())
    assert truth.data.shape == image.data.shape
    assert truth.data.any()
    np.testing.assert_allclose(truth.scale, image.scale)
    offsets = [known.condition_of(image, p)["plane_offset_um"] for p in layers.planes(image)]
    assert offsets == [-9, -6, -3, 0, 3, 6, 9]
    assert suggest_pairs(viewer) == [(image, truth)]


@pytest.mark.parametrize(
    ("opened", "magnification"),
    [(sample_data.fluorescence_15x, 15.0), (sample_data.fluorescence_63x, 63.0)],
)
def test_unseen_magnifications_come_with_what_is_true_of_them(viewer, opened, magnification):
    image, truth = add_all(viewer, opened())
    found = known.condition_of(image)
    assert found["magnification"] == magnification
    assert found["pixel_size_um"] == pytest.approx(6.5 / magnification, rel=0.01)
    assert 0.05 < (truth.data > 0).mean() < 0.6


def test_a_sheet_places_images_side_by_side_at_their_true_size(viewer):
    small = (np.zeros((10, 10)), {"scale": (0.5, 0.5), "name": "small"}, "image")
    large = (np.zeros((10, 10)), {"scale": (2.0, 2.0), "name": "large"}, "image")
    placed = add_all(viewer, sample_data.contact_sheet([[large], [small], [small]], columns=2))
    boxes = [layer.extent.world for layer in placed]
    for i, one in enumerate(boxes):
        for other in boxes[i + 1 :]:
            apart = (one[1] < other[0]) | (other[1] < one[0])
            assert apart.any(), "two images overlap"
    assert [layer.scale[0] for layer in placed] == [2.0, 0.5, 0.5]
