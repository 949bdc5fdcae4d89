"""Objects cut anew from a kept probability: threshold, smoothing and smallest size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_metaseg.prediction.objects.instances import (
    classes_from_probability,
    instances_from_classes,
)

if TYPE_CHECKING:
    from napari_metaseg.prediction.predictor import PlanePrediction


@dataclass(frozen=True)
class Refinement:
    """How objects are cut from a probability.

    `threshold` is how likely a pixel must be; `smoothing_px` the standard deviation of a Gaussian
    over the probability (0: none). Objects are left out that are smaller than `smallest_um2` or,
    where the pixel size is unknown, than `smallest_px` pixels.
    """

    threshold: float = 0.5
    smoothing_px: float = 0.0
    smallest_um2: float = 0.0
    smallest_px: float = 0.0

    def least_pixels(self, pixel_size_um: float | None) -> float:
        """The smallest object's area in pixels of a plane of this pixel size (None: unknown)."""
        return self.smallest_px if not pixel_size_um else self.smallest_um2 / pixel_size_um**2

    def keeps_all(self, pixel_size_um: float | None) -> bool:
        """Whether it is the threshold alone that cuts."""
        return not self.smoothing_px and not self.least_pixels(pixel_size_um)


def refine(
    probability: NDArray[np.float32],
    refinement: Refinement,
    *,
    depth: NDArray[np.float32] | None = None,
    pixel_size_um: float | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Classes and objects, each (Y, X), of a (K, Y, X) probability as `PlanePrediction` has it.

    Of several classes the likeliest wins, so that the threshold has no say. The pixels of objects
    that are too small become background; those that were too small for any setting stay classes.
    """
    sigma = refinement.smoothing_px
    smooth = ndimage.gaussian_filter(probability, (0, sigma, sigma)) if sigma else probability
    classes = classes_from_probability(smooth, refinement.threshold)
    labels = instances_from_classes(classes, depth)
    least = refinement.least_pixels(pixel_size_um)
    return _without_small(classes, labels, least) if least else (classes, labels)


def refined(
    prediction: PlanePrediction, refinement: Refinement, pixel_size_um: float | None
) -> PlanePrediction:
    """A prediction that was cut at the refinement's threshold, cut as all of it says."""
    if refinement.keeps_all(pixel_size_um):
        return prediction
    return cut_again(prediction, refinement, pixel_size_um)


def cut_again(
    prediction: PlanePrediction, refinement: Refinement, pixel_size_um: float | None
) -> PlanePrediction:
    """A prediction with the classes and objects that a refinement gives."""
    classes, labels = refine(
        prediction.probability, refinement, depth=prediction.depth, pixel_size_um=pixel_size_um
    )
    return replace(prediction, classes=classes, labels=labels)


def _without_small(
    classes: NDArray[np.uint8], labels: NDArray[np.int32], least_px: float
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    large = np.bincount(labels.ravel()) >= least_px
    large[0] = False
    small = (labels > 0) & ~large[labels]
    numbers = np.where(large, np.cumsum(large), 0).astype(np.int32)
    return np.where(small, 0, classes).astype(np.uint8), numbers[labels]
