"""The camera counts photons as a real one does."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metaseg.datasets.microscope.camera import Camera, expose


def flat(photons: float) -> np.ndarray:
    return np.full((200, 200), photons, np.float32)


def test_mean_and_variance_follow_the_photon_transfer_curve() -> None:
    camera = Camera()
    counts = expose(flat(400), camera, np.random.default_rng(0)).astype(float)
    electrons = (counts - camera.offset_counts) * camera.electrons_per_count
    assert electrons.mean() == pytest.approx(320, rel=0.005)
    assert electrons.var() == pytest.approx(320 + 1.6**2, rel=0.03)


def test_dark_frames_show_offset_and_read_noise() -> None:
    camera = Camera()
    counts = expose(flat(0), camera, np.random.default_rng(0)).astype(float)
    assert counts.mean() == pytest.approx(100, abs=0.2)
    assert counts.std() == pytest.approx(1.6 / 0.25, rel=0.03)


def test_bright_light_saturates_at_full_well_and_at_the_converter() -> None:
    rng = np.random.default_rng(0)
    assert expose(flat(1e6), Camera(), rng).max() == 100 + 15_000 / 0.25
    assert expose(flat(1e6), Camera(bits=12), rng).max() == 4095
