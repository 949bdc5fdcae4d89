import numpy as np
import pytest

from napari_metaseg.datasets.augment import Augmentation, Patch, augment, draw_zoom
from napari_metaseg.datasets.augment import zoomed_condition as zoomed
from napari_metaseg.datasets.zoom import trained_range, zoom_range

STILL = Augmentation(turns=False, contrast=0, noise=0)


def disc(radius, side=64, condition=None):
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    inside = y**2 + x**2 < radius**2
    return Patch(
        image=inside[None].astype(np.float32),
        classes=inside.astype(np.int16),
        valid=np.ones((side, side), bool),
        condition=condition or {"magnification": 20.0, "pixel_size_um": 0.5},
    )


def area(patch):
    return int(patch.classes.sum())


def test_zooming_in_by_two_doubles_magnification_and_halves_the_pixel():
    assert zoomed({"magnification": 20.0, "pixel_size_um": 0.5, "modality": "DIC"}, 2.0) == {
        "magnification": 40.0,
        "pixel_size_um": 0.25,
        "modality": "DIC",
    }


def test_the_size_of_an_object_in_micrometres_does_not_change_with_the_zoom():
    rng = np.random.default_rng(0)
    for side in (32, 64, 96):
        before = disc(10, side)
        after = augment(before, STILL, 64, rng)
        physical = [area(p) * p.condition["pixel_size_um"] ** 2 for p in (before, after)]
        assert physical[1] == pytest.approx(physical[0], rel=0.05)


def test_zooming_out_blurs_and_zooming_in_adds_nothing():
    rng = np.random.default_rng(0)
    noise = Patch(
        rng.normal(size=(1, 96, 96)).astype(np.float32),
        np.zeros((96, 96), np.int16),
        np.ones((96, 96), bool),
        {"magnification": 20.0},
    )
    out = augment(noise, STILL, 64, rng)
    assert out.image.shape == (1, 64, 64)
    assert out.image.std() < 0.8 * noise.image.std()


def test_a_turn_moves_image_labels_and_valid_together():
    rng = np.random.default_rng(3)
    patch = disc(12)
    patch.image[0, :5] = 7
    patch.classes[:5] = 3
    patch.valid[:5] = False
    for _ in range(8):
        turned = augment(patch, Augmentation(contrast=0, noise=0), 64, rng)
        assert np.array_equal(turned.image[0] == 7, turned.classes == 3)
        assert np.array_equal(turned.classes == 3, ~turned.valid)


def test_images_whose_contrast_has_a_direction_are_not_turned():
    rng = np.random.default_rng(0)
    patch = disc(10, condition={"modality": "DIC"})
    patch.image[0, :5] = 9
    for _ in range(8):
        assert np.array_equal(
            augment(patch, Augmentation(contrast=0, noise=0), 64, rng).image, patch.image
        )


def test_a_plane_of_unknown_scale_is_never_zoomed():
    rng = np.random.default_rng(0)
    settings = Augmentation(max_zoom=2, zoom_share=1)
    assert {draw_zoom(settings, {"modality": "DIC"}, rng) for _ in range(20)} == {1.0}
    drawn = [draw_zoom(settings, {"magnification": 20.0}, rng) for _ in range(200)]
    assert 0.5 <= min(drawn) < 0.6
    assert 1.8 < max(drawn) <= 2
    near = Augmentation(max_zoom=2, max_zoom_in=1.5, zoom_share=1)
    closest = max(draw_zoom(near, {"magnification": 20.0}, rng) for _ in range(200))
    assert 1.4 < closest <= 1.5


@pytest.mark.parametrize(("beyond", "reach"), [(1.0, (10.0, 40.0)), (1.2, (10 / 1.2, 48.0))])
def test_zooming_can_be_kept_near_the_trained_magnifications(beyond, reach):
    rng = np.random.default_rng(0)
    settings = Augmentation(max_zoom=2, max_zoom_in=2, zoom_share=1, zoom_beyond=beyond)
    for m in (10.0, 20.0, 40.0):
        shown = [
            m * draw_zoom(settings, {"magnification": m}, rng, {"magnification": (10.0, 40.0)})
            for _ in range(300)
        ]
        assert min(shown) >= max(m / 2, reach[0]) - 1e-9
        assert max(shown) <= min(m * 2, reach[1]) + 1e-9
        assert max(shown) / min(shown) > 1.8


def test_the_bound_holds_for_pixel_sizes_and_not_for_a_single_scale():
    settings = Augmentation(max_zoom=1.5, zoom_beyond=1)
    fine, coarse = {"pixel_size_um": 0.2}, {"pixel_size_um": 0.8}
    trained = trained_range([fine, coarse])
    assert zoom_range(settings, fine, trained) == pytest.approx((1 / 1.5, 1))
    assert zoom_range(settings, coarse, trained) == pytest.approx((1, 1.5))
    assert zoom_range(settings, fine, trained_range([fine, fine])) == (1 / 1.5, 1.5)
    assert zoom_range(settings, {"modality": "DIC"}, {}) == (1 / 1.5, 1.5)


def test_a_fluorescence_plane_out_of_focus_is_not_zoomed():
    """Through a lens of another aperture the same distance would blur it otherwise."""
    settings = Augmentation(zoom_share=1)
    known = {"magnification": 20.0, "modality": "fluorescence"}

    def zooms(**changes):
        rng = np.random.default_rng(0)
        return {draw_zoom(settings, known | changes, rng) for _ in range(5)} != {1.0}

    assert zooms()
    assert zooms(plane_offset_um=1.0)
    assert not zooms(plane_offset_um=-6.0)
    assert not zooms(in_focus=False)
    assert zooms(modality="brightfield", plane_offset_um=-6.0)
