"""The noise of a plane, measured from it, against the camera that made it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_metaseg.datasets.microscope.camera import Camera
from napari_metaseg.datasets.microscope.optics import Optics, common_objective
from napari_metaseg.datasets.microscope.render import exposure_for, render
from napari_metaseg.datasets.microscope.specimen import Population, grow_specimen
from napari_metaseg.datasets.noise import ChannelNoise, measure_noise, restore_noise
from napari_metaseg.datasets.normalise import normalise


@pytest.mark.parametrize("photons", [100.0, 600.0])
def test_the_signal_of_one_electron_is_found(photons):
    optics = Optics(common_objective(20.0))
    optics = replace(optics, exposure_ms=exposure_for(optics, photons))
    specimen = grow_specimen((Population("medium", 5.0, 0.2),), 90, 3)
    raw = render(specimen, optics, (192, 192), 1).image.astype(np.float32)
    low, high = np.percentile(raw, (1, 99.8))
    noise = measure_noise(normalise(raw[None])[0])
    electron = 1 / Camera().electrons_per_count / (high - low)
    assert noise.known_gain
    assert noise.per_signal == pytest.approx(electron, rel=0.25)


def test_noise_that_does_not_follow_the_light_gives_no_gain():
    rng = np.random.default_rng(0)
    ramp = np.tile(np.linspace(0, 1, 192, dtype=np.float32), (192, 1))
    noise = measure_noise(ramp + rng.normal(0, 0.05, ramp.shape).astype(np.float32))
    assert not noise.known_gain
    assert noise.variance(ramp).max() == pytest.approx(0.05**2, rel=0.1)


def test_a_plane_of_one_brightness_gives_no_gain():
    counts = np.random.default_rng(0).poisson(50, (128, 128)).astype(np.float32) / 50
    noise = measure_noise(counts)
    assert not noise.known_gain
    assert noise.at_zero == pytest.approx(1 / 50, rel=0.1)


@pytest.mark.parametrize("shape", [(4, 4), (64, 64)])
def test_a_plane_without_noise_has_none(shape):
    assert measure_noise(np.zeros(shape, np.float32)) == ChannelNoise(0.0)


def test_variance_is_never_below_zero():
    line = ChannelNoise(-0.1, 0.2).variance(np.array([[0.0, 1.0]], np.float32))
    assert line.tolist() == [[0, pytest.approx(0.1)]]


def test_what_averaging_took_is_put_back_and_no_more():
    rng = np.random.default_rng(0)
    noise = ChannelNoise(0.04)
    left = rng.normal(0, 0.1, (300, 300)).astype(np.float32)
    assert restore_noise(left, noise, 0.25, rng).var() == pytest.approx(0.04, rel=0.05)
    assert np.array_equal(restore_noise(left, noise, 1.0, rng), left)
