"""The noise of a plane as its own pixels show it, and noise of that kind put back.

Resampling and blurring average noise away, while a camera behind another lens would have its full
noise again. The variance of camera noise is a line over the signal: shot noise of the photons plus
read noise (photon transfer curve; EMVA standard 1288). Its slope is the signal of one electron.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_SECOND_DIFFERENCE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
"""Keeps the variance of white noise and cancels planes and steps along an axis (Immerkær, Computer
Vision and Image Understanding 64 (1996) 300)."""
_BINS = 16
_LEAST_PIXELS = 100
_LEAST_SPREAD = 0.3
"""The curve needs levels at least this far apart, of the range 0 to 1 of a normalised plane."""

Image = NDArray[np.float32]


@dataclass(frozen=True)
class ChannelNoise:
    """Variance of a channel's noise over its signal s: max(0, at_zero + per_signal · s).

    `known_gain` says that the slope stands out from the scatter, so that it may be read as the
    signal of one electron; otherwise the noise is taken for the same everywhere.
    """

    at_zero: float
    per_signal: float = 0.0

    @property
    def known_gain(self) -> bool:
        """Whether the signal of one electron is known."""
        return self.per_signal > 0

    def variance(self, signal: Image) -> Image | np.float32:
        """The variance at every pixel of a channel (Y, X); one number where it is the same."""
        if not self.known_gain:
            return np.float32(max(0.0, self.at_zero))
        line = np.float32(self.at_zero) + np.float32(self.per_signal) * signal
        return np.maximum(line, np.float32(0))


def measure_noise(channel: Image) -> ChannelNoise:
    """The noise of one channel (Y, X): variance of second differences over local brightness.

    Robust (median absolute deviation, the smoother half of the pixels of every brightness), so that
    structure counts little. White noise is assumed: an image that was compressed or smoothed seems
    to have less. Variance is 0 for planes that are too small.
    """
    if min(channel.shape) < 8:
        return ChannelNoise(0.0)
    residual = ndimage.convolve(channel, _SECOND_DIFFERENCE)
    smooth = ndimage.gaussian_filter(channel, 1.5)
    slope = ndimage.gaussian_gradient_magnitude(channel, 1.5)
    levels, variances, counts = _curve(residual, smooth, slope)
    if not len(levels):
        return ChannelNoise(_robust_variance(residual))
    return _line(levels, variances, counts)


def _curve(residual: Image, smooth: Image, slope: Image) -> tuple[NDArray[np.float64], ...]:
    """Brightness, variance and number of pixels of every brightness that has enough of them."""
    low, high = np.percentile(smooth, (1, 99.5))
    edges = np.linspace(low, high, _BINS + 1)
    where = np.digitize(smooth, edges)
    found = []
    for number in range(1, _BINS + 1):
        inside = where == number
        if inside.sum() < 2 * _LEAST_PIXELS:
            continue
        calm = inside & (slope <= np.median(slope[inside]))
        found.append((smooth[calm].mean(), _robust_variance(residual[calm]), calm.sum()))
    levels, variances, counts = np.array(found, np.float64).reshape(-1, 3).T
    return levels, variances, counts


def _line(
    levels: NDArray[np.float64], variances: NDArray[np.float64], counts: NDArray[np.float64]
) -> ChannelNoise:
    """The line through the curve, each point weighted by how well it is known; flat if unclear."""
    flat = ChannelNoise(float(np.average(variances, weights=counts)))
    if len(levels) < 4 or np.ptp(levels) < _LEAST_SPREAD or variances.min() <= 0:
        return flat
    per_signal, at_zero = np.polyfit(levels, variances, 1, w=np.sqrt(counts) / variances)
    fitted = at_zero + per_signal * levels
    misfit = np.average(np.abs(fitted / variances - 1), weights=counts)
    rises = per_signal * np.ptp(levels) > 0.5 * variances.min()
    return ChannelNoise(float(at_zero), float(per_signal)) if rises and misfit < 0.3 else flat


def _robust_variance(residual: Image) -> float:
    return float((1.4826 * np.median(np.abs(residual - np.median(residual)))) ** 2)


def restore_noise(
    averaged: Image, noise: ChannelNoise, kept: float, rng: np.random.Generator
) -> Image:
    """The channel with as much noise as its kind has, of which `kept` (0 to 1) is still there.

    `kept` is the share of a white noise's variance that averaging left.
    """
    sigma = np.sqrt(np.float32(1 - kept) * noise.variance(averaged)).astype(np.float32)
    return averaged + sigma * rng.standard_normal(averaged.shape, dtype=np.float32)
