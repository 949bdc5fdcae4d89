"""A zoomed patch against the same specimen through the other lens, as the microscope renders it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_metaseg.datasets.augment import Augmentation, Patch, augment
from napari_metaseg.datasets.microscope.optics import Optics, common_objective
from napari_metaseg.datasets.microscope.render import exposure_for, render
from napari_metaseg.datasets.microscope.specimen import Population, grow_specimen
from napari_metaseg.datasets.noise import measure_noise
from napari_metaseg.datasets.normalise import normalise
from napari_metaseg.datasets.resample import noise_kept, sampling_matrix

STILL = Augmentation(turns=False, contrast=0, noise=0)
PHOTONS = {"fluorescence": 500.0, "brightfield": 5000.0}
SIDE = 160


@pytest.fixture(scope="module")
def specimen():
    return grow_specimen((Population("medium", 5.0, 0.2),), 220, 3)


def shot(specimen, magnification, modality, side=SIDE):
    """A patch of the middle of the specimen, `side` pixels, through the usual lens."""
    optics = Optics(common_objective(magnification), modality)
    optics = replace(optics, exposure_ms=exposure_for(optics, PHOTONS[modality]))
    taken = render(specimen, optics, (side, side), 1)
    image = normalise(taken.image[None].astype(np.float32))
    condition = {"magnification": magnification, "modality": modality}
    noise = (measure_noise(image[0]),)
    valid = np.ones((side, side), bool)
    return Patch(image, (taken.labels > 0).astype(np.int16), valid, condition, noise)


def power(image, low, high):
    """Mean power between two frequencies (cycles a pixel)."""
    window = np.hanning(SIDE)
    seen = np.abs(np.fft.fft2((image - image.mean()) * window[:, None] * window)) ** 2
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    return seen[(f >= low) & (f < high)].mean()


def noise_of(image):
    """Deviation of the diagonal second difference, which hardly sees what is smooth."""
    d = image[1:, 1:] - image[:-1, 1:] - image[1:, :-1] + image[:-1, :-1]
    return 1.4826 * np.median(np.abs(d - np.median(d))) / 2


BANDS = ((0.02, 0.08), (0.08, 0.16), (0.16, 0.25), (0.25, 0.35), (0.35, 0.5))


@pytest.mark.parametrize("modality", PHOTONS)
@pytest.mark.parametrize("factor", [2.0, 1.4])
def test_zoomed_out_looks_like_the_lower_lens(specimen, modality, factor):
    """Sharpness and noise in every band of frequencies, and the labels."""
    zoomed = augment(
        shot(specimen, 20.0, modality, round(SIDE * factor)), STILL, SIDE, np.random.default_rng(0)
    )
    real = shot(specimen, 20.0 / factor, modality)
    for low, high in BANDS:
        ratio = power(zoomed.image[0], low, high) / power(real.image[0], low, high)
        assert 0.75 < ratio < 1.25, (low, high)
    assert noise_of(zoomed.image[0]) == pytest.approx(noise_of(real.image[0]), rel=0.15)
    both = (zoomed.classes & real.classes).sum()
    assert 2 * both / (zoomed.classes.sum() + real.classes.sum()) > 0.98
    assert zoomed.classes.sum() == pytest.approx(real.classes.sum(), rel=0.03)


def test_without_its_noise_a_zoomed_patch_gives_itself_away(specimen):
    """What the noise is put back for: averaged pixels are several times too clean."""
    sharp = shot(specimen, 20.0, "fluorescence", 2 * SIDE)
    settings = replace(STILL, restore_noise=False)
    clean = augment(sharp, settings, SIDE, np.random.default_rng(0))
    real = shot(specimen, 10.0, "fluorescence")
    assert noise_of(clean.image[0]) < 0.3 * noise_of(real.image[0])


def test_zooming_in_keeps_what_is_coarse_and_adds_no_detail(specimen):
    zoomed = augment(
        shot(specimen, 10.0, "fluorescence", round(SIDE / 1.4)),
        STILL,
        SIDE,
        np.random.default_rng(0),
    )
    real = shot(specimen, 14.0, "fluorescence")
    ratio = [power(zoomed.image[0], *band) / power(real.image[0], *band) for band in BANDS]
    assert ratio[0] == pytest.approx(1, abs=0.15)
    assert ratio[2] < 0.8


@pytest.mark.parametrize(("side", "patch_px"), [(96, 64), (64, 90), (64, 64)])
def test_the_share_of_noise_that_is_kept_is_what_resampling_leaves(side, patch_px):
    weights = sampling_matrix(side, patch_px, 0.6 if side > patch_px else 0.0)
    noise = np.random.default_rng(0).normal(size=(40, side, side))
    left = np.stack([weights @ n @ weights.T for n in noise]).var()
    assert noise_kept(weights) == pytest.approx(left, rel=0.05)


@pytest.mark.parametrize(("side", "patch_px"), [(100, 64), (64, 90), (80, 80)])
def test_resampling_keeps_brightness_and_positions(side, patch_px):
    weights = sampling_matrix(side, patch_px, 0.7)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-4)
    ramp = weights @ np.arange(side, dtype=np.float32)
    expected = (np.arange(patch_px) + 0.5) * side / patch_px - 0.5
    np.testing.assert_allclose(ramp[8:-8], expected[8:-8], atol=0.02)


def test_blur_has_the_width_that_was_asked_for():
    spread = sampling_matrix(61, 61, 2.0)[30]
    at = np.arange(61) - 30
    assert np.sqrt((spread * at**2).sum()) == pytest.approx(2.0, rel=0.02)


def test_the_matrices_of_all_zooms_of_usual_patches_are_made_once():
    """Two for each of the sides that a zoom by 3 both ways has at 128 pixels."""
    keys = [(20, 16, 0.001 * n) for n in range(2 * (3 * 128 - 128 // 3 + 1))]
    made = [sampling_matrix(*key) for key in keys]
    assert all(sampling_matrix(*key) is one for key, one in zip(keys, made, strict=True))


def test_only_what_was_annotated_counts_in_resampled_labels():
    classes = np.zeros((64, 64), np.int16)
    classes[20:40, 20:40] = 2
    valid = np.zeros((64, 64), bool)
    valid[18:42, 18:30] = True
    patch = Patch(np.zeros((1, 64, 64), np.float32), classes, valid, {"magnification": 20.0})
    small = augment(patch, STILL, 48, np.random.default_rng(0))
    assert small.valid.mean() == pytest.approx(valid.mean(), rel=0.1)
    inside = small.classes[small.valid]
    assert (inside == 2).mean() == pytest.approx((classes[valid] == 2).mean(), abs=0.1)
    assert set(np.unique(small.classes)) == {0, 2}
