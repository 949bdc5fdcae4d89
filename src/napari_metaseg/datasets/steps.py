"""The steps of augmentation other than resampling, each as numpy carries it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.datasets.noise import ChannelNoise
from napari_metaseg.datasets.patch import Patch, Pixels, Step
from napari_metaseg.datasets.photons import Stretch, thin_all
from napari_metaseg.datasets.resize import resize_image, resize_labels


@dataclass(frozen=True)
class Resize(Step):
    """To `patch_px` a side as prediction resizes planes, so that areas stay true."""

    patch_px: int

    def perform(self, patch: Patch, rng: np.random.Generator) -> Pixels:
        """The pixels after it; see `Step`."""
        shape = (self.patch_px, self.patch_px)
        classes, valid = resize_labels(patch.classes, shape), resize_labels(patch.valid, shape)
        return resize_image(patch.image, shape), classes, valid

    def side_after(self, side: int) -> int:
        """Pixels a side after it."""
        return self.patch_px


@dataclass(frozen=True)
class Thin(Step):
    """One photon in `factor` for every channel, normalised again.

    How much is drawn depends on the pixels, so that nothing stands for it in a plan: what is drawn
    next is then another draw than if the step had been carried out.
    """

    factor: float
    noise: tuple[ChannelNoise, ...]
    stretch: tuple[Stretch, ...]

    def perform(self, patch: Patch, rng: np.random.Generator) -> Pixels:
        """The pixels after it; see `Step`."""
        image = thin_all(patch.image, self.noise, self.stretch, self.factor, rng)
        return image, patch.classes, patch.valid


_TURNED = ((1, 1), (-1, 1), (-1, -1), (1, -1))
"""In which direction rows and columns run after each number of quarter turns."""


@dataclass(frozen=True)
class Turn(Step):
    """A quarter turn `quarters` times, then perhaps mirrored left to right."""

    quarters: int
    mirrored: bool

    def perform(self, patch: Patch, rng: np.random.Generator) -> Pixels:
        """The pixels after it; see `Step`."""
        return self._turned(patch.image), self._turned(patch.classes), self._turned(patch.valid)

    def _turned(self, array: NDArray[Any]) -> NDArray[Any]:
        out = array.swapaxes(-1, -2) if self.quarters % 2 else array
        rows, columns = _TURNED[self.quarters]
        return out[..., ::rows, :: -columns if self.mirrored else columns]


@dataclass(frozen=True)
class Recolour(Step):
    """Another gain and offset, as normalisation leaves them."""

    gain: float
    offset: float

    def perform(self, patch: Patch, rng: np.random.Generator) -> Pixels:
        """The pixels after it; see `Step`."""
        image = patch.image * np.float32(self.gain) + np.float32(self.offset)
        return image, patch.classes, patch.valid


@dataclass(frozen=True)
class AddNoise(Step):
    """White noise of the standard deviation `sigma`."""

    sigma: float

    def perform(self, patch: Patch, rng: np.random.Generator) -> Pixels:
        """The pixels after it; see `Step`."""
        noise = rng.standard_normal(patch.image.shape, dtype=np.float32)
        return patch.image + np.float32(self.sigma) * noise, patch.classes, patch.valid

    def skip(self, patch: Patch, rng: np.random.Generator) -> None:
        """Draw the noise and leave it."""
        rng.standard_normal((len(patch.image), patch.side, patch.side), dtype=np.float32)
