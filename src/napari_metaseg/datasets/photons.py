"""Fewer photons: what a shorter exposure would have recorded, on a plane already normalised.

Normalisation cancels the loss of brightness, so a shorter exposure shows as noise alone. The number
of electrons at a pixel follows from the plane's own photon transfer curve (`noise`); where that is
unclear nothing is thinned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.datasets.noise import ChannelNoise, Image
from napari_metaseg.datasets.normalise import HIGH_PERCENT, LOW_PERCENT

READ_NOISE_ELECTRONS = 1.6
"""Usual of scientific CMOS cameras; no image file states it."""
_FACTORS = 5


@dataclass(frozen=True)
class Stretch:
    """Where the two percentiles of a normalised plane lie after thinning by each factor."""

    factors: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]

    def ends(self, factor: float) -> tuple[np.float64, np.float64]:
        """Where the two percentiles lie after thinning by `factor`, in double precision."""
        at = np.log(factor)
        low, high = (np.interp(at, np.log(self.factors), y) for y in (self.lows, self.highs))
        return np.float64(low), np.float64(high)

    def apply(self, thinned: Image, factor: float) -> Image:
        """A part of the thinned plane, normalised as the whole thinned plane would be."""
        low, high = self.ends(factor)
        return np.asarray((thinned - low) / max(high - low, 1e-6), np.float32)


def thin(channel: Image, noise: ChannelNoise, factor: float, rng: np.random.Generator) -> Image:
    """The channel (Y, X) with one photon in `factor`, brought back to its brightness.

    Every electron stays with probability 1/factor (a thinned Poisson process is a Poisson process),
    read noise has its full size, and the result is multiplied by the factor:
    Var = factor · shot + factor² · read. `noise` must have a known gain.
    """
    gain = np.float32(noise.per_signal)
    dark = np.float32(READ_NOISE_ELECTRONS**2) * gain - np.float32(noise.at_zero) / gain
    electrons = (channel - dark) / gain
    share = np.float32(1 / factor)
    whole = np.rint(np.maximum(electrons, 0)).astype(np.int64)
    left = rng.binomial(whole, float(share)).astype(np.float32)
    left += np.minimum(electrons, 0) * share
    fresh = np.float32(READ_NOISE_ELECTRONS * np.sqrt(1 - 1 / factor**2))
    left += fresh * rng.standard_normal(channel.shape, dtype=np.float32)
    return np.asarray(dark + gain * left / share, np.float32)


def measure_stretch(channel: Image, noise: ChannelNoise, most: float) -> Stretch:
    """How the percentiles of a plane's channel (Y, X) move under thinning up to `most`."""
    factors = np.geomspace(1, most, _FACTORS)
    rng = np.random.default_rng(0)
    ends = [
        np.percentile(
            thin(channel, noise, f, rng) if f > 1 else channel, (LOW_PERCENT, HIGH_PERCENT)
        )
        for f in factors
    ]
    lows, highs = np.array(ends, np.float64).T
    return Stretch(tuple(map(float, factors)), tuple(map(float, lows)), tuple(map(float, highs)))


def thin_all(
    image: NDArray[np.float32],
    noise: tuple[ChannelNoise, ...],
    stretch: tuple[Stretch, ...],
    factor: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Every channel of an image (C, Y, X) thinned and normalised again."""
    channels = zip(image, noise, stretch, strict=True)
    return np.stack([s.apply(thin(c, n, factor, rng), factor) for c, n, s in channels])
