"""Thinned light against a camera that was really exposed for less time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_metaseg.datasets.augment import Augmentation, Patch, augment
from napari_metaseg.datasets.microscope.camera import Camera, expose
from napari_metaseg.datasets.noise import ChannelNoise, measure_noise
from napari_metaseg.datasets.normalise import normalise
from napari_metaseg.datasets.photons import measure_stretch, thin

STILL = Augmentation(turns=False, contrast=0, noise=0, max_zoom=1)


def scene(photons):
    """A soft blob on a dim ground, as many photons at the peak."""
    y, x = np.mgrid[:192, :192] / 192 - 0.5
    return np.asarray(photons * (0.15 + np.exp(-12 * (x**2 + y**2))), np.float32)


def taken(photons, seed=0):
    """The normalised frame, its electrons per unit of signal, and the level without light."""
    camera = Camera()
    raw = expose(scene(photons), camera, np.random.default_rng(seed)).astype(np.float32)
    low, high = np.percentile(raw, (1, 99.8))
    gain = 1 / camera.electrons_per_count / (high - low)
    return normalise(raw[None])[0], gain, (camera.offset_counts - low) / (high - low)


def camera_noise(gain, dark, read=1.6):
    """The photon transfer line of that frame, from the camera's data sheet."""
    return ChannelNoise(at_zero=(read * gain) ** 2 - gain * dark, per_signal=gain)


@pytest.mark.parametrize("factor", [2.0, 8.0])
def test_brightness_stays_and_noise_grows_as_the_equation_says(factor):
    """Var = factor · shot + factor² · read, both of the frame before."""
    frame, gain, dark = taken(800.0)
    noise = camera_noise(gain, dark)
    rng = np.random.default_rng(1)
    runs = np.stack([thin(frame, noise, factor, rng) for _ in range(60)])
    centre, ground = (slice(90, 102),) * 2, (slice(0, 12),) * 2
    for place in (centre, ground):
        patch = runs[(slice(None), *place)]
        assert patch.mean() == pytest.approx(frame[place].mean(), abs=0.02)
        electrons = (frame[place].mean() - dark) / gain
        fresh = electrons * (factor - 1) + 1.6**2 * (factor**2 - 1)
        assert patch.var(axis=0).mean() == pytest.approx(fresh * gain**2, rel=0.15)


@pytest.mark.parametrize("factor", [2.0, 8.0])
def test_a_thinned_frame_looks_like_a_shorter_exposure(factor):
    """With the gain measured from the frame itself, as in training."""
    frame = taken(800.0)[0]
    noise = measure_noise(frame)
    stretch = measure_stretch(frame, noise, 16.0)
    thinned = stretch.apply(thin(frame, noise, factor, np.random.default_rng(1)), factor)
    real = taken(800.0 / factor, seed=5)[0]
    assert np.percentile(thinned, (1, 99.8)) == pytest.approx([0, 1], abs=0.06)
    for place in ((slice(84, 108),) * 2, (slice(0, 24),) * 2):
        assert thinned[place].mean() == pytest.approx(real[place].mean(), abs=0.05)
        # Differences of neighbours, so that the shape of the blob does not count.
        seen, expected = (np.diff(image[place], axis=1).std() for image in (thinned, real))
        assert seen == pytest.approx(expected, rel=0.2)


def patch_of(condition, photons=800.0):
    frame = taken(photons)[0]
    noise = measure_noise(frame)
    blank = np.zeros(frame.shape, np.int16)
    stretch = (measure_stretch(frame, noise, 8.0),) if noise.known_gain else ()
    return Patch(frame[None], blank, blank == 0, condition, (noise,), stretch)


def test_the_exposure_falls_as_the_light_does():
    settings = replace(STILL, max_thinning=8.0, thinning_share=1.0)
    patch = patch_of({"exposure_ms": 40.0})
    rng = np.random.default_rng(0)
    made = [augment(patch, settings, 192, rng) for _ in range(12)]
    exposures = [p.condition["exposure_ms"] for p in made]
    assert 5.0 <= min(exposures) < 10 < 30 < max(exposures) <= 40.0
    noise = [np.diff(p.image[0, :24, :24], axis=1).std() for p in made]
    assert np.argmax(noise) == np.argmin(exposures)
    assert np.argmin(noise) == np.argmax(exposures)


@pytest.mark.parametrize("condition", [{}, {"magnification": 20.0}])
def test_light_is_not_thinned_where_no_exposure_could_follow(condition):
    settings = replace(STILL, max_thinning=8.0, thinning_share=1.0)
    patch = patch_of(condition)
    after = augment(patch, settings, 192, np.random.default_rng(0))
    assert np.array_equal(after.image, patch.image)
    assert after.condition == condition


def test_light_is_not_thinned_where_the_gain_is_unknown():
    settings = replace(STILL, max_thinning=8.0, thinning_share=1.0)
    patch = replace(patch_of({"exposure_ms": 40.0}), noise=(ChannelNoise(0.01),))
    after = augment(patch, settings, 192, np.random.default_rng(0))
    assert after.condition == {"exposure_ms": 40.0}
    assert np.array_equal(after.image, patch.image)
