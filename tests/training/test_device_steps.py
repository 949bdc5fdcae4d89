"""The noise of torch's steps against that of numpy's: mean, variance, neighbours."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_metaseg.datasets.noise import ChannelNoise
from napari_metaseg.datasets.patch import Patch, Step
from napari_metaseg.datasets.photons import Stretch
from napari_metaseg.datasets.resample import Resample
from napari_metaseg.datasets.steps import AddNoise, Thin
from napari_metaseg.training.device_steps import DevicePixels, DeviceSteps, Noise

SIDE = 48
RUNS = 80
GAIN = 0.004
"""250 electrons make 1; the darkest pixels of the ramp have none."""
KNOWN = ChannelNoise((1.6 * GAIN) ** 2, GAIN)
STRETCH = Stretch((1.0, 8.0), (0.0, -0.1), (1.0, 1.3))


def ramp(side):
    image = np.tile(np.linspace(0, 1, side, dtype=np.float32), (2, side, 1))
    blank = np.zeros((side, side), np.int16)
    return Patch(image, blank, blank == 0, {})


def by_numpy(step, patch):
    rng = np.random.default_rng(0)
    return np.stack([step.perform(patch, rng)[0] for _ in range(RUNS)])


def by_torch(step, patch):
    work = DeviceSteps(torch.device("cpu"))
    noise = Noise((1, 2), work.device)
    parts = (torch.from_numpy(p) for p in (patch.image, patch.classes, patch.valid))
    pixels = DevicePixels(*parts)
    return np.stack([work.do(step, pixels, (0,), noise).image.numpy() for _ in range(RUNS)])


def correlation(runs, axis):
    """Of what differs between runs, that of neighbours along an axis."""
    apart = np.moveaxis(runs - runs.mean(axis=0), axis, -1)
    return (apart[..., 1:] * apart[..., :-1]).mean() / apart.var()


CASES = {
    "further noise": (AddNoise(0.05), SIDE),
    "noise put back when zooming out": (Resample(96, SIDE, 1.2, (KNOWN, KNOWN)), 96),
    "photons, a few lost": (Thin(2.0, (KNOWN, KNOWN), (STRETCH, STRETCH)), SIDE),
    "photons, most lost": (Thin(8.0, (KNOWN, KNOWN), (STRETCH, STRETCH)), SIDE),
}


@pytest.mark.parametrize("name", CASES)
def test_noise_has_the_same_statistics(name):
    """Mean and variance at every brightness, between channels, and between neighbours."""
    step, side = CASES[name]
    ours, theirs = (make(step, ramp(side)) for make in (by_torch, by_numpy))
    assert ours.shape == theirs.shape == (RUNS, 2, SIDE, SIDE)
    spread = theirs.std(axis=0).mean()
    columns = (0, 1, 2)
    means = ours.mean(axis=columns), theirs.mean(axis=columns)
    # A column is 7680 numbers on either side: five standard errors of a difference of means.
    assert np.abs(means[0] - means[1]).max() < 5 * np.sqrt(2 / 7680) * spread
    variances = [(runs - runs.mean(axis=0)).var(axis=columns) for runs in (ours, theirs)]
    np.testing.assert_allclose(variances[0], variances[1], rtol=0.1)
    assert ours.var() == pytest.approx(theirs.var(), rel=0.02)
    for axis in (1, 2, 3):
        assert correlation(ours, axis) == pytest.approx(correlation(theirs, axis), abs=0.02)
        assert correlation(ours, axis) == pytest.approx(0, abs=0.02)


def test_a_step_without_a_counterpart_is_no_silent_nothing():
    class Unheard(Step):
        def perform(self, patch, rng):
            return patch.image, patch.classes, patch.valid

    work = DeviceSteps(torch.device("cpu"))
    empty = DevicePixels(torch.zeros(1, 2, 2), torch.zeros(2, 2), torch.ones(2, 2))
    with pytest.raises(NotImplementedError, match="Unheard"):
        work.do(Unheard(), empty, (0,), Noise((1, 2), work.device))
