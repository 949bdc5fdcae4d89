"""Resample and blur a patch, as one step: image, classes and what is valid of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_metaseg.datasets.noise import ChannelNoise, restore_noise
from napari_metaseg.datasets.patch import Patch, Pixels, Step

Matrix = NDArray[np.float32]
_LABEL_BLUR_PX = 0.5
"""Breaks ties between pixels half in an object by what surrounds them."""

_KEPT_BYTES = 128 * 2**20


@dataclass(frozen=True)
class Resample(Step):
    """From `side` to `patch_px` pixels a side, blurred by `sigma` (in the old pixels).

    `noise` is that of each channel, of which the part that averaging takes is put back; empty puts
    none back.
    """

    side: int
    patch_px: int
    sigma: float
    noise: tuple[ChannelNoise, ...] = ()

    @property
    def weights(self) -> Matrix:
        """What resamples either axis of the image: (patch_px, side)."""
        return sampling_matrix(self.side, self.patch_px, self.sigma)

    @property
    def label_weights(self) -> Matrix:
        """What resamples either axis of the area that a class covers: (patch_px, side)."""
        return sampling_matrix(self.side, self.patch_px, _LABEL_BLUR_PX, 1)

    @property
    def nearest(self) -> NDArray[np.intp]:
        """The old pixel that holds the centre of each new one, along either axis: (patch_px,)."""
        centres = (np.arange(self.patch_px) + 0.5) * self.side / self.patch_px
        return np.minimum(centres.astype(int), self.side - 1)

    def perform(self, patch: Patch, rng: np.random.Generator) -> Pixels:
        """The pixels after it; see `Step`."""
        weights = self.weights
        image = np.stack([weights @ channel @ weights.T for channel in patch.image])
        if self.noise:
            kept = noise_kept(weights)
            channels = zip(image, self.noise, strict=True)
            image = np.stack([restore_noise(c, noise, kept, rng) for c, noise in channels])
        return image, *self._labels(patch)

    def skip(self, patch: Patch, rng: np.random.Generator) -> None:
        """Draw the noise of each channel and leave it."""
        for _ in self.noise:
            rng.standard_normal((self.patch_px, self.patch_px), dtype=np.float32)

    def side_after(self, side: int) -> int:
        """Pixels a side after it."""
        return self.patch_px

    def _labels(self, patch: Patch) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
        """The class that covers most of each new pixel, of what was annotated.

        Taking the nearest pixel instead would shift small objects by up to a quarter of a pixel.
        """
        valid = patch.valid[np.ix_(self.nearest, self.nearest)]
        present = np.unique(patch.classes)
        if len(present) == 1:
            return np.full((self.patch_px, self.patch_px), present[0], np.int16), valid
        weights = self.label_weights
        covers = [
            weights @ (patch.valid & (patch.classes == c)).astype(np.float32) @ weights.T
            for c in present
        ]
        return present[np.argmax(covers, axis=0)].astype(np.int16), valid


def noise_kept(weights: Matrix) -> float:
    """The share of a white noise's variance that is left after resampling along both axes."""
    return float(min(1.0, np.square(weights).sum(axis=1).mean() ** 2))


def sampling_matrix(side: int, patch_px: int, sigma: float, order: Literal[1, 3] = 3) -> Matrix:
    """Blur by `sigma` and resample one axis: (patch_px, side), edges continued by the last pixel.

    Pixel centres are kept: output pixel i stands at (i + 0.5) / zoom - 0.5 of the input.
    """
    return _matrices(patch_px)(side, patch_px, sigma, order)


@lru_cache(maxsize=4)
def _matrices(patch_px: int) -> Callable[[int, int, float, Literal[1, 3]], Matrix]:
    """Makes matrices of so many rows, and keeps the latest in about 128 MB, but at least 256.

    A zoom by 3 both ways has two for each of 342 sides at 128 pixels, and making one takes longer
    than making the rest of a patch.
    """
    typical_bytes = 7 * patch_px**2
    return lru_cache(maxsize=max(256, _KEPT_BYTES // typical_bytes))(_make_matrix)


def _make_matrix(side: int, patch_px: int, sigma: float, order: Literal[1, 3]) -> Matrix:
    pad = 8 * math.ceil(1 + 0.5 * sigma)
    wide = np.pad(np.eye(side, dtype=np.float32), [(pad, pad), (0, 0)], mode="edge")
    blurred = ndimage.gaussian_filter1d(wide, sigma, axis=0) if sigma > 0 else wide
    return np.asarray(_interpolation(side, patch_px, pad, order) @ blurred, np.float32)


@lru_cache(maxsize=256)
def _interpolation(side: int, patch_px: int, pad: int, order: Literal[1, 3]) -> Matrix:
    """Splines of that order through an axis of `side` and `pad` pixels more at both ends."""
    at = (np.arange(patch_px) + 0.5) * side / patch_px - 0.5 + pad
    rows = [
        ndimage.map_coordinates(pixel, at[None], order=order) for pixel in np.eye(side + 2 * pad)
    ]
    return np.stack(rows, axis=1).astype(np.float32)
