"""A training patch, the settings of what is varied about it, and the steps that vary it.

What is drawn and what is computed are apart: a `Step` is drawn whole, except for noise, and then
either carried out at once (`Patch`) or noted for another device to carry out (`PlannedPatch`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.datasets.noise import ChannelNoise
from napari_metaseg.datasets.photons import Stretch


@dataclass(frozen=True)
class Augmentation:
    """What is varied: turns and flips, zoom, contrast, noise, light, focus.

    `max_zoom` bounds the zoom both ways, `max_zoom_in` zooming in once more. Zooming in adds no
    resolution: up to 1.5 the image is no less sharp than one through a lens of a catalogue
    (40x/0.6 blurs by 1.1 px of 6.5 µm, 20x/0.5 zoomed in by 1.5 as well), beyond it is blurred. A
    rare magnification above a common one gains far more than the blur costs (docs/results.md).
    `zoom_beyond` bounds how far zooming may leave the scales of the training set, where it has
    several; the default of 1 keeps within them, since a small network that also has to learn what
    lies beyond pays for it where it is used.
    `psf_px` is the standard deviation of lens and pixel together, in pixels: 0.73 for 0.025 of
    aperture per unit of magnification and camera pixels of 6.5 µm.
    `max_thinning` is the largest factor by which photons are lost (exposure follows) and
    `max_defocus_um` the largest distance from focus that is added (the plane's offset follows).
    Zoom, thinning and defocus each meet a share of the patches, and only where the metadata that
    they change is known.
    """

    turns: bool = True
    max_zoom: float = 3.0
    zoom_share: float = 0.8
    contrast: float = 0.15
    noise: float = 0.03
    max_thinning: float = 1.0
    max_defocus_um: float = 0.0
    max_zoom_in: float = 3.0
    zoom_beyond: float = 1.0
    psf_px: float = 0.73
    thinning_share: float = 0.5
    defocus_share: float = 0.5
    restore_noise: bool = True

    @property
    def zoom_out(self) -> float:
        """The largest factor of zooming out."""
        return self.max_zoom

    @property
    def zoom_in(self) -> float:
        """The largest factor of zooming in."""
        return max(1.0, min(self.max_zoom, self.max_zoom_in))


@dataclass(frozen=True)
class Patch:
    """One square patch: image (C, P, P), classes and valid (P, P), and its own condition.

    `noise` is that of the plane it was cut from, per channel, and `stretch` how fewer photons would
    move that plane's percentiles; both are empty where they were not measured. `name` is the
    plane's.
    """

    image: NDArray[np.float32]
    classes: NDArray[np.int16]
    valid: NDArray[np.bool_]
    condition: Condition
    noise: tuple[ChannelNoise, ...] = ()
    stretch: tuple[Stretch, ...] = ()
    name: str = ""

    @property
    def side(self) -> int:
        """Pixels a side, after all steps so far."""
        return self.classes.shape[0]

    def do(self, step: Step, rng: np.random.Generator) -> Self:
        """The patch after a step; noise is drawn from `rng`. The condition stays as it is."""
        image, classes, valid = step.perform(self, rng)
        return replace(self, image=image, classes=classes, valid=valid)


@dataclass(frozen=True)
class PlannedPatch(Patch):
    """A patch whose steps are still to be carried out: its pixels are those of the crop.

    Its condition, noise and side are those after the steps. Doing a step notes it and leaves `rng`
    as carrying it out would, so that what is drawn next is the same; see `Step.skip`.
    """

    steps: tuple[Step, ...] = ()

    @classmethod
    def of(cls, crop: Patch) -> PlannedPatch:
        """A plan without a step."""
        return cls(
            crop.image,
            crop.classes,
            crop.valid,
            crop.condition,
            crop.noise,
            crop.stretch,
            crop.name,
        )

    @property
    def side(self) -> int:
        """Pixels a side once the steps are carried out."""
        side = self.classes.shape[0]
        for step in self.steps:
            side = step.side_after(side)
        return side

    def do(self, step: Step, rng: np.random.Generator) -> Self:
        """The plan with a step more."""
        step.skip(self, rng)
        return replace(self, steps=(*self.steps, step))


Pixels = tuple[NDArray[np.float32], NDArray[np.int16], NDArray[np.bool_]]
"""Image (C, P, P), classes and valid (P, P)."""


class Step(ABC):
    """One piece of work on the pixels of a patch, with everything drawn but its noise."""

    @abstractmethod
    def perform(self, patch: Patch, rng: np.random.Generator) -> Pixels:
        """The pixels after the step; noise is drawn from `rng`."""

    def skip(self, patch: Patch, rng: np.random.Generator) -> None:  # noqa: B027
        """Draw from `rng` what `perform` would. A step without noise draws nothing."""

    def side_after(self, side: int) -> int:
        """Pixels a side after the step."""
        return side
