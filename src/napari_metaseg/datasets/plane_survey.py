"""What training has to know of a plane, measured once: a kilobyte or two instead of its pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.datasets.labels import LabelTarget
from napari_metaseg.datasets.noise import ChannelNoise, measure_noise
from napari_metaseg.datasets.normalise import Levels, measure_levels, stretch
from napari_metaseg.datasets.object_widths import ObjectWidths, measure_widths
from napari_metaseg.datasets.pixels import PlanePixels, Raw
from napari_metaseg.datasets.resize import scaled_shape

MOST_POSITIONS = 128
"""Places of each kind that are kept of a plane; a patch is centred near one of them."""
_NOISE_PX = 512
"""Noise is measured on so many pixels a side in the middle of a plane, or all of a smaller one."""

Positions = NDArray[np.uint32]
"""Flat positions in a plane, in ascending order."""


@dataclass(frozen=True)
class PlaneSurvey:
    """The facts of one plane.

    `shape` is (C, Y, X) and `not_finite` how many values are no number. `class_counts` are the
    annotated pixels of each class, background first, up to the highest class; empty where the
    plane has no labels. `foreground` and `annotated` are up to `MOST_POSITIONS` flat positions,
    spread evenly over all there are. `levels` normalise the plane, None until they are measured on
    the grid that is trained on; `noise` is that of each channel, None where it was not asked for.
    """

    shape: tuple[int, int, int]
    not_finite: int
    class_counts: tuple[int, ...]
    foreground: Positions
    annotated: Positions
    widths: ObjectWidths
    levels: Levels | None
    noise: tuple[ChannelNoise, ...] | None

    @property
    def labelled(self) -> bool:
        """Whether the plane has labels, be they empty."""
        return bool(self.class_counts)

    @property
    def highest_class(self) -> int:
        """The highest class of an annotated pixel, 0 for background alone."""
        return max(0, len(self.class_counts) - 1)

    @property
    def annotated_px(self) -> int:
        """How many pixels are annotated."""
        return sum(self.class_counts)

    def resized(self, factor: float) -> PlaneSurvey:
        """The same places on the grid that is `factor` times as fine; brightness unmeasured."""
        old = (self.shape[1], self.shape[2])
        new = scaled_shape(old, factor)
        if new == old:
            return self
        return replace(
            self,
            shape=(self.shape[0], *new),
            foreground=_moved(self.foreground, old, new),
            annotated=_moved(self.annotated, old, new),
            levels=None,
            noise=None,
        )


def survey_plane(pixels: PlanePixels, *, noise: bool = False) -> PlaneSurvey:
    """The facts of a plane, with its `noise` if a zoom or the like has to know it.

    The same plane always gives the same facts.
    """
    image, target = pixels
    not_finite = 0 if image.dtype.kind in "ui" else int(image.size - np.isfinite(image).sum())
    levels = None if not_finite else measure_levels(image)
    counts, foreground, annotated = _places(target)
    channels, height, width = image.shape
    return PlaneSurvey(
        shape=(channels, height, width),
        not_finite=not_finite,
        class_counts=counts,
        foreground=foreground,
        annotated=annotated,
        widths=measure_widths(target),
        levels=levels,
        noise=measure_plane_noise(image, levels) if noise and levels else None,
    )


def measure_plane_noise(image: Raw, levels: Levels) -> tuple[ChannelNoise, ...]:
    """The noise of each channel of a whole raw plane (C, Y, X) once it is normalised."""
    height, width = image.shape[-2:]
    window = _middle(height), _middle(width)
    return tuple(map(measure_noise, stretch(image[(slice(None), *window)], levels)))


def _middle(size: int) -> slice:
    start = max(0, size - _NOISE_PX) // 2
    return slice(start, start + _NOISE_PX)


def _places(target: LabelTarget | None) -> tuple[tuple[int, ...], Positions, Positions]:
    """Annotated pixels of each class, and some of the foreground and of all that is annotated."""
    if target is None:
        none = np.empty(0, np.uint32)
        return (), none, none
    everywhere = bool(target.valid.all())
    classes = target.classes if everywhere else target.classes[target.valid]
    counts = np.bincount(np.maximum(classes, 0).ravel(), minlength=1)
    foreground = target.classes > 0 if everywhere else target.valid & (target.classes > 0)
    annotated = _even_ranks(classes.size)
    if not everywhere:
        annotated = np.flatnonzero(target.valid)[annotated]
    return tuple(map(int, counts)), _spread(np.flatnonzero(foreground)), _as_positions(annotated)


def _spread(flat: NDArray[np.intp]) -> Positions:
    return _as_positions(flat[_even_ranks(len(flat))])


def _even_ranks(count: int) -> NDArray[np.intp]:
    """Up to `MOST_POSITIONS` of so many, one drawn from each of as many equal stretches.

    Every one has the same chance, and none is far from the next.
    """
    if count <= MOST_POSITIONS:
        return np.arange(count)
    drawn = np.random.default_rng(count).random(MOST_POSITIONS)
    return ((np.arange(MOST_POSITIONS) + drawn) * (count / MOST_POSITIONS)).astype(np.intp)


def _as_positions(flat: NDArray[Any]) -> Positions:
    return flat.astype(np.uint32)


def _moved(flat: Positions, old: tuple[int, int], new: tuple[int, int]) -> Positions:
    """The pixels of the new grid that the centres of these pixels of the old one lie in."""
    places = np.unravel_index(flat, old)
    moved = [
        np.minimum(((place + 0.5) * (m / n)).astype(np.intp), m - 1)
        for place, n, m in zip(places, old, new, strict=True)
    ]
    return _as_positions(np.ravel_multi_index((moved[0], moved[1]), new))
