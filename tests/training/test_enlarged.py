"""Which scales of a training were made by enlarging, and that a reader of the package is told."""

import pytest

from napari_metaseg.datasets.augment import Augmentation
from napari_metaseg.packages.card import model_card
from napari_metaseg.packages.package import load_package
from napari_metaseg.training.enlarged import enlarged_scales

CONDITIONS = [{"magnification": m, "pixel_size_um": 6.5 / m} for m in (10.0, 40.0)]


def test_zooming_in_reaches_up_to_the_largest_recorded_scale():
    found = enlarged_scales(Augmentation(max_zoom=2), CONDITIONS)
    assert found == {"magnification": (10, 20), "pixel_size_um": (0.325, 0.65)}
    further = enlarged_scales(Augmentation(max_zoom=2, zoom_beyond=2), CONDITIONS)
    assert further["magnification"] == (10, 80)


@pytest.mark.parametrize(
    ("settings", "conditions"),
    [
        (Augmentation(max_zoom=1), CONDITIONS),
        (Augmentation(max_zoom=2), [{"modality": "DIC"}]),
        (Augmentation(max_zoom=2, max_zoom_in=1), CONDITIONS),
    ],
)
def test_where_nothing_is_enlarged_there_is_nothing_to_say(settings, conditions):
    assert enlarged_scales(settings, conditions) == {}


def test_the_package_and_its_card_tell_which_scales_were_enlarged(small_package):
    manifest = load_package(small_package).manifest
    low, high = manifest.provenance["enlarged"]["magnification"]
    assert (low, high) == (10, 24)
    card = model_card(manifest)
    assert "magnification 10 to 24" in card
    assert "empty magnification" in card
    without = manifest.model_copy(update={"provenance": {}})
    assert "empty magnification" not in model_card(without)
