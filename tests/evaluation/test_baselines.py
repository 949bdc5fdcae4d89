import numpy as np
import pytest

from napari_metaseg.evaluation.baselines import otsu_prediction
from napari_metaseg.evaluation.objects import object_scores


@pytest.fixture
def discs():
    """Labels of four discs on 96 x 96 pixels, and noise to lay over them."""
    y, x = np.mgrid[:96, :96]
    labels = np.zeros((96, 96), np.int32)
    for number, (cy, cx) in enumerate([(20, 20), (20, 70), (70, 20), (70, 70)], start=1):
        labels[(y - cy) ** 2 + (x - cx) ** 2 <= 10**2] = number
    return labels, np.random.default_rng(0).normal(0, 5, labels.shape)


@pytest.mark.parametrize(
    ("modality", "contrast"),
    [
        ("fluorescence", 100),
        ("darkfield", 100),
        ("brightfield", -60),
        ("phase contrast", -60),
        ("phase contrast", 100),
        (None, -60),
    ],
)
def test_objects_are_found_on_the_side_where_the_modality_shows_them(discs, modality, contrast):
    labels, noise = discs
    predicted = otsu_prediction(200 + contrast * (labels > 0) + noise, modality)
    assert predicted.dtype == np.int32
    assert object_scores(labels, predicted).pq > 0.9


def test_the_modality_decides_even_where_the_objects_cover_most_of_the_image(discs):
    labels, noise = discs
    crowded = labels == 0
    found = otsu_prediction(100 + 100 * crowded + noise, "fluorescence") > 0
    assert (found == crowded).mean() > 0.95
    assert (otsu_prediction(100 + 100 * crowded + noise, "DIC") > 0).mean() < 0.5


def test_specks_are_dropped_and_the_rest_is_numbered_without_gaps(discs):
    image = 100.0 * (discs[0] > 0)
    image[0, 0] = 100
    assert set(np.unique(otsu_prediction(image, "fluorescence", smoothing_px=0))) == set(range(5))
    kept = otsu_prediction(image, "fluorescence", smoothing_px=0, min_area_px=0)
    assert kept.max() == 5


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_an_image_of_one_grey_value_has_no_objects(value):
    assert not otsu_prediction(np.full((8, 8), value)).any()


def test_the_first_channel_is_used_and_missing_pixels_are_bridged(discs):
    image = np.stack([100.0 * (discs[0] > 0), np.zeros((96, 96))])
    image[0, 50, 50] = np.nan
    assert otsu_prediction(image, "fluorescence").max() == 4
